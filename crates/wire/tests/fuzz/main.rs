//! Runs the fuzz bodies over what is valid, damaged at random, and over noise: the short form of what cargo-fuzz does for
//! long. A failure prints the body and the seed that makes its input again.

mod bodies;
mod corpus;
#[path = "../codecs/random.rs"]
#[allow(dead_code, reason = "the tests of codecs draw more kinds of numbers")]
mod random;

use bodies::BODIES;
use random::Random;

const TELLING: &[u8] = b"ilde:0123456789-{}[]\",\\%&=\0\x01\xff";

/// Changes the input in a few places: bytes put in, taken out, changed, doubled, the end cut off.
fn damage(input: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let byte = if random.chance(2) {
            TELLING[random.below(TELLING.len())]
        } else {
            random.next() as u8
        };
        match random.below(6) {
            0 => input.insert(at, byte),
            1 => input.truncate(at.max(1)),
            2 => {
                let part = input[at..(at + random.below(20)).min(input.len())].to_vec();
                let to = random.below(input.len() + 1);
                input.splice(to..to, part);
            }
            3 if at < input.len() => drop(input.remove(at)),
            4 if at < input.len() => input[at] ^= 1 << random.below(8),
            _ => {
                if let Some(old) = input.get_mut(at) {
                    *old = byte;
                }
            }
        }
    }
}

#[test]
fn every_body_takes_what_is_valid_for_any_of_them() {
    for (body, run) in BODIES {
        for (of, input) in corpus::inputs() {
            println!("body {body}, the input of {of}");
            run(&input);
        }
    }
}

#[test]
fn every_body_takes_its_input_damaged() {
    let inputs = corpus::inputs();
    for (body, run) in BODIES {
        let mut own = inputs.iter().filter(|(of, _)| of == body).peekable();
        assert!(own.peek().is_some(), "{body} has nothing to begin from");
        for (number, (_, input)) in own.enumerate() {
            for seed in 0..1500 {
                println!("body {body}, input {number}, seed {seed}");
                let mut input = input.clone();
                damage(&mut input, &mut Random::new(seed));
                run(&input);
            }
        }
    }
}

#[test]
fn every_body_takes_noise() {
    for (body, run) in BODIES {
        for seed in 0..500 {
            let mut random = Random::new(seed);
            let length = random.below(200);
            println!("body {body}, noise of seed {seed}");
            run(&random.bytes(length));
        }
    }
}

#[test]
fn every_input_of_the_corpus_is_for_a_body() {
    for (of, _) in corpus::inputs() {
        assert!(BODIES.iter().any(|(body, _)| *body == of), "{of}");
    }
}
