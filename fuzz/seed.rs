//! Writes the first inputs of every target: `seed FOLDER` makes FOLDER/TARGET/NUMBER.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).unwrap_or_else(|| "corpus".into());
    for target in keyhaven_fuzz::TARGETS {
        let folder = Path::new(&folder).join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, input) in (target.seeds)().into_iter().enumerate() {
            fs::write(folder.join(number.to_string()), input)?;
        }
    }
    Ok(())
}
