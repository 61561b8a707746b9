//! Where a web seed has a file: its URL, made of the seed's URL and the file's place in the torrent (BEP 19).

use crate::metainfo::Info;
use crate::{bencode, percent};

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
            percent::encode(raw_name(info), &mut url);
        }
        return Some(url);
    }
    if !url.ends_with('/') {
        url.push('/');
    }
    percent::encode(raw_name(info), &mut url);
    let raw = raw_path(info, file).filter(|raw| raw.len() == entry.path.len());
    for (index, component) in entry.path.iter().enumerate() {
        let raw = raw.as_ref().and_then(|raw| raw.get(index).copied());
        url.push('/');
        percent::encode(raw.unwrap_or(component.as_bytes()), &mut url);
    }
    Some(url)
}

/// The torrent's name as its maker wrote it, and its server knows it: a file system may want another.
fn raw_name(info: &Info) -> &[u8] {
    let raw = either(info.raw(), "name.utf-8", "name");
    raw.and_then(|raw| bencode::byte_string(raw).ok())
        .filter(|name| !name.contains(&b'/'))
        .unwrap_or(info.name().as_bytes())
}

/// The same of a file's path, where the torrent has a list of files.
fn raw_path(info: &Info, file: usize) -> Option<Vec<&[u8]>> {
    let files = bencode::dict_entry(info.raw(), b"files").ok()??;
    let entry = bencode::list_items(files).ok()?.nth(file)?.ok()?;
    let path = bencode::list_items(either(entry, "path.utf-8", "path")?).ok()?;
    path.map(|component| bencode::byte_string(component.ok()?).ok())
        .collect()
}

/// The first of two fields that is there.
fn either<'a>(dictionary: &'a [u8], first: &str, second: &str) -> Option<&'a [u8]> {
    let field = |key: &str| {
        bencode::dict_entry(dictionary, key.as_bytes())
            .ok()
            .flatten()
    };
    field(first).or_else(|| field(second))
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
