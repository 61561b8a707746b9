use brackish_wire::bencode::{
    BencodeError, MAX_DEPTH, byte_string, dict_entries, dict_entry, from_bytes, int, list_items,
    prefix_len, scan,
};

#[test]
fn well_formed_values_are_accepted_whole() {
    let good = [
        "0:",
        "4:spam",
        "i0e",
        "i-42e",
        "i9223372036854775807e",
        "i-9223372036854775808e",
        "le",
        "de",
    ];
    for value in good.into_iter().chain([
        "l4:spami1ee",
        "d1:ai1e1:bl1:cd1:di2eeee",
        "lllleeee",
        "d0:0:e",
        "d0:dee",
    ]) {
        assert_eq!(scan(value.as_bytes()), Ok(()), "{value}");
        assert_eq!(
            prefix_len(format!("{value}rest").as_bytes()),
            Ok(value.len()),
            "{value}"
        );
        for cut in 0..value.len() {
            let error = scan(&value.as_bytes()[..cut]);
            assert_eq!(
                error,
                Err(BencodeError::Truncated { position: cut }),
                "{value} cut at {cut}"
            );
        }
    }
}

#[test]
fn malformed_values_are_refused_where_they_go_wrong() {
    let unexpected = |byte, position| BencodeError::UnexpectedByte { byte, position };
    let number = |position| BencodeError::Number { position };
    for (value, error) in [
        ("e", unexpected(b'e', 0)),
        ("x", unexpected(b'x', 0)),
        ("-1:a", unexpected(b'-', 0)),
        ("ie", number(0)),
        ("i-e", number(0)),
        ("i+3e", number(0)),
        ("i 3e", number(0)),
        ("i1.e", number(0)),
        ("i.5e", number(0)),
        ("i1.5.5e", unexpected(b'.', 4)),
        ("i1,5e", unexpected(b',', 2)),
        ("1a", unexpected(b'a', 1)),
        ("di1ei2ee", unexpected(b'i', 1)),
        ("d1:ae", unexpected(b'e', 4)),
        ("dlei1ee", unexpected(b'l', 1)),
        ("i1ei2e", BencodeError::Trailing { position: 3 }),
        (
            "18446744073709551615:a",
            BencodeError::Truncated { position: 22 },
        ),
        ("18446744073709551616:a", number(0)),
        ("999999999:a", BencodeError::Truncated { position: 11 }),
    ] {
        assert_eq!(scan(value.as_bytes()), Err(error), "{value}");
    }
}

#[test]
fn a_number_that_is_no_integer_spoils_only_its_own_value() {
    for number in [
        "i1.5e",
        "i-0.0e",
        "i9223372036854775808e",
        "i-9223372036854775809e",
        "i99999999999999999999e",
    ] {
        assert_eq!(
            int(number.as_bytes()),
            Err(BencodeError::Number { position: 0 })
        );
        let dictionary = format!("d1:a{number}1:bi7ee");
        assert_eq!(scan(dictionary.as_bytes()), Ok(()));
        assert_eq!(
            dict_entry(dictionary.as_bytes(), b"b"),
            Ok(Some(&b"i7e"[..]))
        );
    }
}

#[test]
fn millions_of_nested_lists_end_in_an_error_on_a_tiny_stack() {
    let check = || {
        for open in ["l", "d1:a", "ld0:"] {
            let input = open.repeat(4_000_000);
            assert!(matches!(
                scan(input.as_bytes()),
                Err(BencodeError::TooDeep { .. })
            ));
            assert!(from_bytes::<Vec<i64>>(input.as_bytes()).is_err());
            assert!(dict_entry(input.as_bytes(), b"x").is_err());
        }
        let depth = MAX_DEPTH as usize;
        assert_eq!(
            scan(["l".repeat(depth), "e".repeat(depth)].concat().as_bytes()),
            Ok(())
        );
        let deeper = ["l".repeat(depth + 1), "e".repeat(depth + 1)].concat();
        assert_eq!(
            scan(deeper.as_bytes()),
            Err(BencodeError::TooDeep { position: depth })
        );
    };
    std::thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(check)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn a_dictionary_gives_raw_values_in_any_order_and_the_first_of_two() {
    let input = b"d1:bi2e1:ald1:xi1eee1:bi3eetrailing";
    assert_eq!(dict_entry(input, b"b"), Ok(Some(&b"i2e"[..])));
    assert_eq!(dict_entry(input, b"a"), Ok(Some(&b"ld1:xi1eee"[..])));
    assert_eq!(dict_entry(input, b"x"), Ok(None));
    assert_eq!(dict_entries(input).unwrap().count(), 3);
    assert_eq!(
        dict_entry(b"le", b"x"),
        Err(BencodeError::Kind {
            expected: "a dictionary",
            found: "a list"
        })
    );
}

#[test]
fn iterators_end_after_the_first_error() {
    let mut entries = dict_entries(b"d1:ai1e1:bi-e").unwrap();
    assert!(entries.next().unwrap().is_ok());
    assert_eq!(
        entries.next(),
        Some(Err(BencodeError::Number { position: 10 }))
    );
    assert_eq!(entries.next(), None);
    let mut items = list_items(b"l1:a").unwrap();
    assert_eq!(items.next(), Some(Ok(&b"1:a"[..])));
    assert_eq!(
        items.next(),
        Some(Err(BencodeError::Truncated { position: 4 }))
    );
    assert_eq!(items.next(), None);
}

#[test]
fn a_value_of_another_kind_is_named() {
    assert_eq!(int(b"i-7e"), Ok(-7));
    assert_eq!(int(b"i007e"), Ok(7));
    assert_eq!((int(b"i-0e"), int(b"i-01e")), (Ok(0), Ok(-1)));
    assert_eq!(byte_string(b"003:abc"), Ok(&b"abc"[..]));
    assert_eq!(byte_string(b"3:\0\xffa"), Ok(&b"\0\xffa"[..]));
    assert_eq!(
        int(b"1:7").unwrap_err().to_string(),
        "expected an integer, found a string"
    );
    assert_eq!(
        byte_string(b"de").unwrap_err().to_string(),
        "expected a string, found a dictionary"
    );
    assert!(int(b"").is_err() && byte_string(b"").is_err());
}

#[test]
fn typed_forms_are_read_from_exactly_one_value() {
    assert_eq!(from_bytes::<Vec<i64>>(b"li1ei2ee"), Ok(vec![1, 2]));
    assert!(matches!(
        from_bytes::<Vec<i64>>(b"li1ee "),
        Err(BencodeError::Trailing { .. })
    ));
    assert!(matches!(
        from_bytes::<Vec<i64>>(b"l1:ae"),
        Err(BencodeError::Form(_))
    ));
}
