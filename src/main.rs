//! The `keyhaven` command.

fn main() -> std::process::ExitCode {
    keyhaven::cli::main()
}
