//! What of a torrent is wanted, as bytes that an earlier visit leaves: a record for each stretch of unlike priority, with
//! the byte after its last and the priority.

use std::ops::Range;

use brackish_core::Priority;

/// Bytes of a record: the end as a little-endian number of eight bytes, then the priority.
const RECORD: usize = 9;

/// The bytes that stand for these stretches, which follow each other from the torrent's beginning on.
pub fn encode(stretches: &[(Range<u64>, Priority)]) -> Vec<u8> {
    let records = stretches.iter().flat_map(|(range, priority)| {
        let end = range.end.to_le_bytes().into_iter();
        end.chain([number(*priority)])
    });
    records.collect()
}

/// The stretches that these bytes stand for; `None` where they say nothing, or nothing that makes sense.
pub fn decode(bytes: &[u8]) -> Option<Vec<(Range<u64>, Priority)>> {
    let mut stretches = Vec::with_capacity(bytes.len() / RECORD);
    let mut start = 0;
    for record in bytes.chunks(RECORD) {
        let (end, wanted) = record.split_first_chunk::<8>()?;
        let end = u64::from_le_bytes(*end);
        if end <= start {
            return None;
        }
        stretches.push((start..end, priority(*wanted.first()?)));
        start = end;
    }
    Some(stretches).filter(|stretches| !stretches.is_empty())
}

/// The priority that the page gives as a number.
pub fn priority(wanted: u8) -> Priority {
    match wanted {
        0 => Priority::Skip,
        1 => Priority::Low,
        2 => Priority::Normal,
        _ => Priority::High,
    }
}

fn number(priority: Priority) -> u8 {
    match priority {
        Priority::Skip => 0,
        Priority::Low => 1,
        Priority::Normal => 2,
        Priority::High => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_reads_back_as_it_was() {
        let stretches = vec![
            (0..5, Priority::Skip),
            (5..70_000, Priority::High),
            (70_000..1 << 40, Priority::Low),
        ];
        assert_eq!(decode(&encode(&stretches)), Some(stretches));
    }

    #[test]
    fn bytes_that_make_no_sense_say_nothing() {
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[1; 8]), None);
        assert_eq!(decode(&[0; 9]), None);
        let backwards = [5, 3].map(|end| encode(&[(0..end, Priority::Skip)]));
        assert_eq!(decode(&backwards.concat()), None);
    }
}
