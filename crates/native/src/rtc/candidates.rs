//! The candidates of a description (RFC 8839): which of them are tried.

use std::collections::HashSet;
use std::net::IpAddr;

/// Candidates of one description that are tried. Browsers send two to six; each one more is an
/// address that a stranger can have packets sent to.
pub(super) const MAX_CANDIDATES: usize = 10;

/// The kinds of addresses that candidates have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Family {
    V4,
    V6,
    /// A name that the local network resolves (mDNS).
    Name,
}

/// A candidate that can be tried.
#[derive(Debug)]
struct Candidate<'a> {
    line: usize,
    /// `host`, `srflx`, `prflx` or `relay`.
    kind: &'a str,
    family: Family,
    endpoint: (&'a str, u16),
    priority: u32,
}

/// The description with [`MAX_CANDIDATES`] candidates at most: those of the highest priority, but
/// at least one of each type and address family. Candidates that cannot be reached, are malformed
/// or repeat another are left out; so are those for TCP, which no socket here is made for.
pub(super) fn limited(sdp: &str) -> String {
    // A lone carriage return ends a line, too: no candidate hides behind one.
    let lines: Vec<&str> = sdp
        .split(['\r', '\n'])
        .filter(|line| !line.is_empty())
        .collect();
    let kept = kept(&lines);
    let mut out = String::with_capacity(sdp.len());
    for (at, line) in lines.iter().enumerate() {
        if candidate_of(line).is_none() || kept.contains(&at) {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out
}

/// The lines of the candidates that are kept.
fn kept(lines: &[&str]) -> HashSet<usize> {
    let mut endpoints = HashSet::new();
    let mut candidates: Vec<Candidate<'_>> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| read(at, candidate_of(line)?))
        .filter(|candidate| endpoints.insert(candidate.endpoint))
        .collect();
    candidates.sort_by_key(|candidate| (std::cmp::Reverse(candidate.priority), candidate.line));
    let mut kinds = HashSet::new();
    let (mut first, others): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|candidate| kinds.insert((candidate.kind, candidate.family)));
    first.extend(others);
    first.truncate(MAX_CANDIDATES);
    first.into_iter().map(|candidate| candidate.line).collect()
}

/// What follows `a=candidate:` in a line.
fn candidate_of(line: &str) -> Option<&str> {
    let (field, attribute) = line.split_once('=')?;
    let (key, value) = attribute.split_once(':')?;
    (field.trim() == "a" && key.trim() == "candidate").then_some(value)
}

fn read(line: usize, value: &str) -> Option<Candidate<'_>> {
    let mut fields = value.split_whitespace();
    let _foundation = fields.next()?;
    let component: u16 = fields.next()?.parse().ok()?;
    let transport = fields.next()?;
    let priority = fields.next()?.parse().ok()?;
    let address = fields.next()?;
    let port: u16 = fields.next()?.parse().ok()?;
    let typ = fields.next()?;
    let kind = fields.next()?;
    let family = family(address)?;
    let usable = component == 1
        && transport.eq_ignore_ascii_case("udp")
        && port != 0
        && typ == "typ"
        && matches!(kind, "host" | "srflx" | "prflx" | "relay");
    usable.then_some(Candidate {
        line,
        kind,
        family,
        endpoint: (address, port),
        priority,
    })
}

/// The family of an address that one host may have; `None` for all others.
fn family(address: &str) -> Option<Family> {
    match address.parse() {
        Ok(IpAddr::V4(ip)) => {
            (!ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast()).then_some(Family::V4)
        }
        Ok(IpAddr::V6(ip)) => (!ip.is_unspecified() && !ip.is_multicast()).then_some(Family::V6),
        Err(_) => address.ends_with(".local").then_some(Family::Name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(sdp: &str) -> Vec<&str> {
        sdp.lines().filter_map(candidate_of).collect()
    }

    #[test]
    fn ten_candidates_are_kept_by_priority_and_one_of_each_type_and_family() {
        let mut sdp = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n".to_owned();
        for index in 1..=100 {
            sdp += &format!(
                "a=candidate:{index} 1 udp {} 192.0.2.{index} 5000 typ host\r\n",
                1000 + index
            );
        }
        sdp += "a=candidate:7 1 UDP 9 2001:db8::1 5000 typ host\r\n";
        sdp += "a=candidate:8 1 udp 8 198.51.100.1 5000 typ srflx raddr 0.0.0.0 rport 0\r\n";
        sdp += "a=candidate:9 1 udp 7 198.51.100.2 5000 typ relay raddr 0.0.0.0 rport 0\r\n";
        sdp += "a=candidate:9 1 udp 6 4f6ff3d5.local 5000 typ host\r\na=end-of-candidates\r\n";
        let limited = limited(&sdp);
        let kept = candidates(&limited);
        assert_eq!(kept.len(), MAX_CANDIDATES);
        for rare in ["2001:db8::1", "198.51.100.1 ", "198.51.100.2 ", ".local"] {
            assert!(kept.iter().any(|line| line.contains(rare)), "{rare}");
        }
        for best in 95..=100 {
            let address = format!("192.0.2.{best} ");
            assert!(kept.iter().any(|line| line.contains(&address)), "{address}");
        }
        assert!(limited.starts_with("v=0\r\nm=application"));
        assert!(limited.ends_with("a=end-of-candidates\r\n"));
    }

    #[test]
    fn candidates_that_cannot_be_reached_or_hide_are_left_out() {
        let sdp = "v=0\ra=candidate:1 1 udp 1 192.0.2.1 5000 typ host\n\
                   a=candidate:2 1 udp 1 192.0.2.1 5000 typ host\r\n\
                   a=candidate:3 1 tcp 1 192.0.2.3 9 typ host tcptype passive\r\n\
                   a=candidate:4 1 udp 1 224.0.0.251 5353 typ host\r\n\
                   a=candidate:5 1 udp 1 0.0.0.0 5000 typ host\r\n\
                   a=candidate:6 1 udp 1 victim.example 5000 typ host\r\n\
                   a=candidate:7 1 udp 1 192.0.2.7 0 typ host\r\n\
                   a=candidate:8 2 udp 1 192.0.2.8 5000 typ host\r\n\
                   a=candidate:9 1 udp -1 192.0.2.9 5000 typ host\r\n\
                   a=candidate:10 1 udp\r\n";
        assert_eq!(
            limited(sdp),
            "v=0\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n"
        );
    }
}
