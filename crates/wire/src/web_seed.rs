//! Where a web seed has a file: its URL, made of the seed's URL and the file's place in the torrent (BEP 19).

use crate::metainfo::{Info, Name};
use crate::percent;

/// Whether a URL can be a web seed: `http:` or `https:` with something behind it.
pub fn is_web_seed(url: &str) -> bool {
    let scheme = url.split_once("://").filter(|(_, rest)| !rest.is_empty());
    scheme.is_some_and(|(scheme, _)| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    })
}

/// The URL of file number `file` of the torrent at the web seed `seed`, if it has so many files.
///
/// A torrent of one file is at the seed's URL itself, or under its name where that ends in a slash. The files of a
/// folder are below the seed's URL: the torrent's name, then the file's path, each component percent-encoded.
pub fn file_url(seed: &str, info: &Info, file: usize) -> Option<String> {
    let entry = info.files().get(file)?;
    let mut url = seed.to_owned();
    if !info.is_multi_file() {
        if url.ends_with('/') {
            percent::encode(served(info.file_name()), &mut url);
        }
        return Some(url);
    }
    if !url.ends_with('/') {
        url.push('/');
    }
    percent::encode(served(info.file_name()), &mut url);
    for name in &entry.path {
        url.push('/');
        percent::encode(served(name), &mut url);
    }
    Some(url)
}

/// The name as its maker wrote it, and its server knows it.
fn served(name: &Name) -> &[u8] {
    match name.raw() {
        raw if raw.contains(&b'/') => name.as_bytes(),
        raw => raw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::InfoBuilder;

    const HASH: [u8; 20] = [0; 20];

    #[test]
    fn one_file_is_at_the_url_itself_or_under_its_name() {
        let info = InfoBuilder::single_file("a b.iso", 10, 1 << 14)
            .build(&[HASH])
            .unwrap();
        assert_eq!(
            file_url("http://h/x?y=1", &info, 0).unwrap(),
            "http://h/x?y=1"
        );
        assert_eq!(
            file_url("http://h/d/", &info, 0).unwrap(),
            "http://h/d/a%20b.iso"
        );
        assert_eq!(file_url("http://h/d/", &info, 1), None);
    }

    #[test]
    fn the_files_of_a_folder_are_below_the_url() {
        let files = vec![
            (vec!["ä".to_owned(), "1#?.txt".to_owned()], 10),
            (vec!["b".to_owned()], 5),
        ];
        let info = InfoBuilder::multi_file("my files", files, 1 << 14)
            .build(&[HASH])
            .unwrap();
        for seed in ["http://h/d", "http://h/d/"] {
            assert_eq!(
                file_url(seed, &info, 0).unwrap(),
                "http://h/d/my%20files/%C3%A4/1%23%3F.txt"
            );
            assert_eq!(file_url(seed, &info, 1).unwrap(), "http://h/d/my%20files/b");
        }
    }

    #[test]
    fn only_http_urls_are_web_seeds() {
        for right in ["http://h", "HTTPS://h/x"] {
            assert!(is_web_seed(right), "{right}");
        }
        for wrong in ["", "ftp://h/x", "http://", "/x", "https:h"] {
            assert!(!is_web_seed(wrong), "{wrong}");
        }
    }
}
