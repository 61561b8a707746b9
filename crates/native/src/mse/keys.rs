//! The keys of an encrypted connection: a Diffie-Hellman exchange, and what is hashed of its secret
//! and the torrent's info-hash.

use std::io;

use brackish_wire::InfoHash;
use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{U192, U768, const_monty_params};
use sha1::{Digest, Sha1};

use crate::engine::random;

/// Bytes of a public key and of the secret.
pub(super) const KEY_LENGTH: usize = 96;

/// Bytes of a hash.
pub(super) const HASH_LENGTH: usize = 20;

const_monty_params!(
    Prime,
    U768,
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563"
);

type Residue = ConstMontyForm<Prime, { U768::LIMBS }>;

const GENERATOR: U768 = U768::from_u8(2);

/// Random bits of a private key: what the specification asks for, twice the strength of the rest.
const PRIVATE_BITS: u32 = 160;

/// Our half of an exchange.
pub(super) struct KeyPair {
    private: U192,
    pub(super) public: [u8; KEY_LENGTH],
}

impl KeyPair {
    /// A new pair, for one connection.
    pub(super) fn generate() -> io::Result<Self> {
        let mut private = [0; U192::BYTES];
        random::fill(&mut private)?;
        let private = U192::from_be_slice(&private).shr_vartime(U192::BITS - PRIVATE_BITS);
        let public = Residue::new(&GENERATOR).pow_bounded_exp(&private, PRIVATE_BITS);
        Ok(Self {
            private,
            public: public.retrieve().to_be_bytes().into(),
        })
    }

    /// The secret that both ends know.
    pub(super) fn secret(&self, other: &[u8; KEY_LENGTH]) -> Secret {
        let secret =
            Residue::new(&U768::from_be_slice(other)).pow_bounded_exp(&self.private, PRIVATE_BITS);
        Secret(secret.retrieve().to_be_bytes().into())
    }
}

/// What an exchange gave.
pub(super) struct Secret([u8; KEY_LENGTH]);

impl Secret {
    /// By this the one who accepts finds where the padding ends.
    pub(super) fn mark(&self) -> [u8; HASH_LENGTH] {
        hash(&[b"req1", &self.0])
    }

    /// The name of a torrent as it is sent.
    pub(super) fn hidden(&self, torrent: &InfoHash) -> [u8; HASH_LENGTH] {
        let mut name = hash(&[b"req2", &torrent.0]);
        for (byte, mask) in name.iter_mut().zip(hash(&[b"req3", &self.0])) {
            *byte ^= mask;
        }
        name
    }

    /// The key of what the one sends who began the connection.
    pub(super) fn key_of_initiator(&self, torrent: &InfoHash) -> [u8; HASH_LENGTH] {
        hash(&[b"keyA", &self.0, &torrent.0])
    }

    /// The key of what the one sends who accepted it.
    pub(super) fn key_of_acceptor(&self, torrent: &InfoHash) -> [u8; HASH_LENGTH] {
        hash(&[b"keyB", &self.0, &torrent.0])
    }
}

fn hash(parts: &[&[u8]]) -> [u8; HASH_LENGTH] {
    let mut hasher = Sha1::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}
