//! Why a server's certificate is not accepted, in words that say what to do.

use std::io;

use rustls::{CertificateError, Error, InvalidMessage};

/// An error of a TLS handshake with `host`, with words for a person in place of the library's where
/// the certificate is at fault.
pub(crate) fn explain(host: &str, error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner.and_then(|inner| in_words(host, inner)) {
        Some(words) => io::Error::new(error.kind(), words),
        None => error,
    }
}

fn in_words(host: &str, error: &Error) -> Option<String> {
    let words = match error {
        Error::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer => format!(
                "{host} has a certificate of an authority that this machine does not know, or one \
                 that it has signed itself; to accept it, add it to the system's certificates, or \
                 name a PEM file with it in SSL_CERT_FILE"
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
                "the certificate of {host} has expired; its operator must renew it (or this \
                 machine's clock is wrong)"
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!(
                    "the certificate of {host} is not valid yet; is this machine's clock right?"
                )
            }
            CertificateError::NotValidForName => other_name(host, &[]),
            CertificateError::NotValidForNameContext { presented, .. } => {
                other_name(host, presented)
            }
            CertificateError::Revoked => {
                format!("the certificate of {host} has been revoked by its authority")
            }
            error => format!("the certificate of {host} is not valid: {error}"),
        },
        Error::NoCertificatesPresented => format!("{host} shows no certificate"),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            format!("{host} does not speak TLS on this port: is its URL one of http: or ws:?")
        }
        _ => return None,
    };
    Some(words)
}

/// The most names of a certificate that are told.
const MAX_NAMES: usize = 3;

fn other_name(host: &str, presented: &[String]) -> String {
    let names: Vec<&str> = presented
        .iter()
        .take(MAX_NAMES)
        .map(String::as_str)
        .collect();
    match names.is_empty() {
        true => format!("the certificate of {host} is for another name"),
        false => format!(
            "the certificate of {host} is for another name: {}",
            names.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_certificates_say_what_to_do_and_others_stay() {
        let words = |error: Error| {
            let error = explain("tracker.example", io::Error::other(error));
            error.to_string()
        };
        for (error, part) in [
            (CertificateError::UnknownIssuer, "SSL_CERT_FILE"),
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "clock"),
            (CertificateError::NotValidForName, "another name"),
            (CertificateError::BadSignature, "is not valid"),
        ] {
            let words = words(Error::InvalidCertificate(error));
            assert!(
                words.contains(part) && words.contains("tracker.example"),
                "{words}"
            );
            assert!(!words.contains("UnknownIssuer"), "{words}");
        }
        let no_tls = Error::InvalidMessage(InvalidMessage::InvalidContentType);
        assert!(words(no_tls).contains("does not speak TLS"));
        let other = explain("x", io::ErrorKind::ConnectionReset.into());
        assert_eq!(other.kind(), io::ErrorKind::ConnectionReset);
    }
}
