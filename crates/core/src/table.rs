//! Maps and sets for few entries, or for keys that mostly come in their order: all in one Vec, sorted.
//! They give the same answers in the same order as a `BTreeMap`, which costs every visitor of a page
//! some kilobytes of wasm for each kind of entry. Putting an entry in moves those behind it, so what
//! can grow to more than some ten thousand in any order has no place here.

/// Pairs that follow each other.
pub type Pairs<'a, K, V> = &'a [(K, V)];

/// Pairs of key and value, each key once.
#[derive(Clone, Debug)]
pub struct Table<K, V>(Vec<(K, V)>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Table<K, V> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        let found = self.find(key).ok()?;
        self.0.get(found).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let found = self.find(key).ok()?;
        self.0.get_mut(found).map(|(_, value)| value)
    }

    /// Whether the key is there.
    pub fn contains_key(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    /// The value of a key; this one is put there first if there is none.
    pub fn get_or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        let at = match self.find(&key) {
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
        match self.find(&key) {
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
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let found = self.find(key).ok()?;
        Some(self.0.remove(found).1)
    }

    /// The lowest key and its value.
    pub fn first(&self) -> Option<(&K, &V)> {
        self.0.first().map(|(key, value)| (key, value))
    }

    /// Takes out the lowest key and its value.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// Keeps the pairs that `keep` says yes to, asked in the order of their keys.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The pairs in the order of their keys, the values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// The pairs before a key, and those from it on.
    pub fn split(&self, key: &K) -> (Pairs<'_, K, V>, Pairs<'_, K, V>) {
        self.0.split_at(match self.find(key) {
            Ok(found) | Err(found) => found,
        })
    }

    fn find(&self, key: &K) -> Result<usize, usize> {
        // Most keys are found, or put, at the end.
        match self.0.last() {
            Some((last, _)) if last < key => Err(self.0.len()),
            _ => self.0.binary_search_by(|(known, _)| known.cmp(key)),
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

/// Keys, each once.
#[derive(Clone, Debug)]
pub struct KeySet<K>(Table<K, ()>);

impl<K> Default for KeySet<K> {
    fn default() -> Self {
        Self(Table::default())
    }
}

impl<K: Ord> KeySet<K> {
    /// Whether the key is there.
    pub fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Puts a key in. Returns whether it was not there.
    pub fn insert(&mut self, key: K) -> bool {
        self.0.insert(key, ()).is_none()
    }

    /// Takes a key out. Returns whether it was there.
    pub fn remove(&mut self, key: &K) -> bool {
        self.0.remove(key).is_some()
    }

    /// The lowest key.
    pub fn first(&self) -> Option<&K> {
        self.0.first().map(|(key, ())| key)
    }

    /// Takes out the lowest key.
    pub fn pop_first(&mut self) -> Option<K> {
        self.0.pop_first().map(|(key, ())| key)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys in their order.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
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
        assert_eq!(table.get(&3), Some(&33));
        assert_eq!(table.get(&4), None);
        assert_eq!(table.remove(&1), Some(10));
        assert_eq!(table.remove(&1), None);
        *table.get_or_insert_with(6, || 0) += 1;
        assert_eq!(table.keys().collect::<Vec<_>>(), [&3, &5, &6, &7, &9]);
        table.retain(|key, value| *key != 7 && *value != 50);
        assert_eq!(table.pop_first(), Some((3, 33)));
        let pairs: Vec<(i32, i32)> = table.into_iter().collect();
        assert_eq!(pairs, [(6, 1), (9, 90)]);
    }

    #[test]
    fn a_split_puts_the_key_itself_with_those_after_it() {
        let mut table = Table::default();
        for key in [2, 4, 6] {
            table.insert(key, ());
        }
        let keys = |part: &[(i32, ())]| part.iter().map(|pair| pair.0).collect::<Vec<_>>();
        for (key, before, after) in [(4, vec![2], vec![4, 6]), (5, vec![2, 4], vec![6])] {
            let (low, high) = table.split(&key);
            assert_eq!((keys(low), keys(high)), (before, after));
        }
    }

    #[test]
    fn a_set_says_what_was_new_and_what_was_there() {
        let mut set = KeySet::default();
        assert!(set.insert(2) && set.insert(1) && !set.insert(2));
        assert!(set.remove(&2) && !set.remove(&2) && set.contains(&1));
        set.insert(0);
        assert_eq!(set.iter().collect::<Vec<_>>(), [&0, &1]);
        assert_eq!((set.pop_first(), set.first()), (Some(0), Some(&1)));
    }
}
