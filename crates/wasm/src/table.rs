//! A map for the few entries of a page: pairs in the order of their keys, in one Vec. A `BTreeMap`
//! costs every visitor some kilobytes of wasm for each kind of entry, and is no quicker here.

/// Pairs that follow each other.
pub type Pairs<'a, K, V> = &'a [(K, V)];

/// Pairs of key and value, each key once.
pub struct Table<K, V>(Vec<(K, V)>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy, V> Table<K, V> {
    /// The value of a key.
    pub fn get(&self, key: K) -> Option<&V> {
        let found = self.find(key).ok()?;
        self.0.get(found).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let found = self.find(key).ok()?;
        self.0.get_mut(found).map(|(_, value)| value)
    }

    /// The value of a key; this one is put there first if there is none.
    pub fn get_or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        let at = match self.find(key) {
            Ok(found) => found,
            Err(free) => {
                self.0.insert(free, (key, value()));
                free
            }
        };
        &mut self.0[at].1
    }

    /// Puts a value under a key and returns the one before it.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(key) {
            Ok(found) => {
                let before = self.0.get_mut(found)?;
                Some(std::mem::replace(&mut before.1, value))
            }
            Err(free) => {
                self.0.insert(free, (key, value));
                None
            }
        }
    }

    /// Takes out a key and its value.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let found = self.find(key).ok()?;
        Some(self.0.remove(found).1)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The pairs in the order of their keys.
    pub fn iter(&self) -> std::slice::Iter<'_, (K, V)> {
        self.0.iter()
    }

    /// The pairs in the order of their keys, the values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (*key, value))
    }

    /// The pairs before a key, and those from it on.
    pub fn split(&self, key: K) -> (Pairs<'_, K, V>, Pairs<'_, K, V>) {
        self.0.split_at(match self.find(key) {
            Ok(found) | Err(found) => found,
        })
    }

    fn find(&self, key: K) -> Result<usize, usize> {
        // Most keys are found, or put, at the end.
        match self.0.last() {
            Some((last, _)) if *last < key => Err(self.0.len()),
            _ => self.0.binary_search_by(|(known, _)| known.cmp(&key)),
        }
    }
}

impl<K, V> IntoIterator for Table<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_put_in_any_order_are_found_and_given_in_order() {
        let mut table = Table::default();
        for key in [5, 1, 9, 3, 7] {
            assert_eq!(table.insert(key, key * 10), None);
        }
        assert_eq!(table.insert(3, 33), Some(30));
        assert_eq!(table.get(3), Some(&33));
        assert_eq!(table.get(4), None);
        assert_eq!(table.remove(1), Some(10));
        assert_eq!(table.remove(1), None);
        *table.get_or_insert_with(6, || 0) += 1;
        let pairs: Vec<(i32, i32)> = table.into_iter().collect();
        assert_eq!(pairs, [(3, 33), (5, 50), (6, 1), (7, 70), (9, 90)]);
    }

    #[test]
    fn a_split_puts_the_key_itself_with_those_after_it() {
        let mut table = Table::default();
        for key in [2, 4, 6] {
            table.insert(key, ());
        }
        let keys = |part: &[(i32, ())]| part.iter().map(|pair| pair.0).collect::<Vec<_>>();
        for (key, before, after) in [(4, vec![2], vec![4, 6]), (5, vec![2, 4], vec![6])] {
            let (low, high) = table.split(key);
            assert_eq!((keys(low), keys(high)), (before, after));
        }
    }
}
