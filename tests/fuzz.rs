//! The bodies of the fuzz targets over their first inputs, on any toolchain and without a fuzzer: they compile, they run,
//! and what they demand holds.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is what a target says a finding with")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

/// Inputs of one target at most: the test is there to keep the targets alive, not to search.
const INPUTS_MAX: usize = 300;

fn smoke(name: &str) {
    targets::plant(name);
    let target = targets::TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    assert!(seeds.len() > 50, "{name}");
    let step = seeds.len().div_ceil(INPUTS_MAX);
    for input in seeds.iter().step_by(step) {
        targets::run(name, input);
    }
    targets::run(name, &[]);
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            smoke(stringify!($name));
        })*

        #[test]
        fn every_target_is_smoked_and_has_a_program() {
            let names: Vec<_> = targets::TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
            for name in names {
                let program = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/fuzz_targets/");
                assert!(std::path::Path::new(&format!("{program}{name}.rs")).exists(), "{name}");
            }
        }
    };
}

targets! { audit certificates frame keys message names objects payload pkcs12 record session text }
