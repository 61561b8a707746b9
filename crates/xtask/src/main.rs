//! What a person runs: `cargo xtask demo | test | bench | sim | fuzz | size | check | soak | build | build-web | setup`.

#[cfg(target_os = "linux")]
mod bench;
mod bindgen;
mod build;
mod build_web;
mod check;
mod child;
mod demo;
mod fuzz;
mod group;
mod paths;
mod process;
mod real_file;
mod remap;
mod setup;
mod simulator;
mod size;
mod soak;
mod stage;
mod stamp;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <command>

  demo [PATH] [--no-browser-swarm]   install, build, share a real file and print the link to open
  test [--fast]                      everything: check, native, wasm, simulator, browser, interop
  soak NAME [--runs N] [--busy]      one test or test file 20 times, to find what fails now and then
  bench [native|browser|crowd|tracker|all] [--runs N] [--size MiB]
                                     side by side with other clients, medians
  bench liars [--runs N]             real nodes, one in ten of which lies
  bench swarm [sizes|popularity|growth|streams|churn|selfish|liars]... [--peers N]... [--size MiB] [--seed S] [--runs N]
                                     swarms in the simulator against the fluid bound
  sim [--seeds N] [--seed S] [calm|wild]
                                     random scenarios in the simulator
  fuzz [TARGET]... [--minutes N]     codecs and session under cargo-fuzz, ten minutes each
  size                               raw, gzip and brotli bytes of what a page loads
  check                              format, clippy, forbidden dependencies, source rules
  build                              the `brackish` binary (release) with its page inside
  build-web                          wasm, the npm package and the web app
  setup [what...]                    install what is missing (all, or some of: wasm web browsers
                                     clients python tests bench)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let Some((command, rest)) = arguments.split_first() else {
        eprint!("{USAGE}");
        return Ok(ExitCode::from(2));
    };
    match command.as_str() {
        "setup" => setup::run(rest)?,
        "build-web" => {
            no_arguments(rest)?;
            build_web::run()?;
        }
        "build" => {
            no_arguments(rest)?;
            let binary = build::run()?;
            println!("{}", paths::shown(&binary));
        }
        "size" => {
            no_arguments(rest)?;
            size::run()?;
        }
        "check" => {
            no_arguments(rest)?;
            check::run()?;
        }
        "demo" => return demo::run(rest),
        "bench" => bench(rest)?,
        "sim" => return simulator::run(rest),
        "fuzz" => return fuzz::run(rest),
        "test" => return test::run(rest),
        "soak" => return soak::run(rest),
        "help" | "--help" | "-h" => print!("{USAGE}"),
        other => {
            eprint!("{USAGE}");
            bail!("unknown command `{other}`");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Swarms in the simulator, liars among real nodes, or ours beside other people's.
fn bench(arguments: &[String]) -> Result<()> {
    match arguments.split_first() {
        Some((first, rest)) if first == "swarm" => simulator::bench(rest),
        Some((first, rest)) if first == "liars" => {
            process::run(process::example("brackish-native", "liars").args(rest))
        }
        #[cfg(target_os = "linux")]
        _ => bench::run(arguments),
        #[cfg(not(target_os = "linux"))]
        _ => bail!(
            "only Linux accounts for processes as these benchmarks need it (/proc): \
             `cargo xtask bench swarm` and `liars` run here too"
        ),
    }
}

fn no_arguments(rest: &[String]) -> Result<()> {
    match rest.first() {
        Some(extra) => bail!("unexpected argument `{extra}`"),
        None => Ok(()),
    }
}
