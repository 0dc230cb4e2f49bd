//! The literals of the OASIS cases for asymmetric cryptography (CS-AC-M), where the files are present: in the folder
//! `KEYHAVEN_OASIS`, or `shared/oasis` beside the workspace.

use std::path::{Path, PathBuf};

use super::formats::{Hint, Material, parse_private, parse_public};
use super::keys::Input;
use super::operations::AsymmetricParameters;
use super::rsa::SoftwareRsa;
use super::testing::hex;
use crate::registry::{HashingAlgorithm, KeyFormatType, PaddingMethod};

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("KEYHAVEN_OASIS").map(PathBuf::from).or_else(|| {
        let places = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1).take(2);
        places.map(|place| place.join("shared/oasis")).find(|place| place.is_dir())
    })?;
    Some(folder.join("vectors"))
}

/// Element and value of each leaf, in order.
fn leaves(xml: &str) -> Vec<(&str, &str)> {
    let leaf = |element: &'_ str| -> Option<(usize, usize, usize)> {
        let name = element.find(' ')?;
        let value = element.find("value=\"")? + 7;
        Some((name, value, value + element[value..].find('"')?))
    };
    let elements = xml.split('<').skip(1);
    elements
        .filter_map(|element| leaf(element).map(|(name, from, to)| (&element[..name], &element[from..to])))
        .collect()
}

fn first<'a>(leaves: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    leaves.iter().find(|(element, _)| *element == name).map(|(_, value)| *value)
}

fn all<'a>(leaves: &[(&str, &'a str)], name: &str) -> Vec<&'a str> {
    leaves.iter().filter(|(element, _)| *element == name).map(|(_, value)| *value).collect()
}

#[test]
fn oaep_and_pss_literals() {
    let Some(folder) = folder() else { return };
    let mut seen = (0, 0);
    for version in ["v1.4", "v2.1", "v3.0"] {
        let Ok(files) = std::fs::read_dir(folder.join(version).join("mandatory")) else { continue };
        for file in files.map(|file| file.unwrap().path()) {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            if !name.starts_with("CS-AC-M-OAEP-") && !name.starts_with("CS-AC-M-2-") {
                continue;
            }
            let xml = std::fs::read_to_string(&file).unwrap();
            let leaves = leaves(&xml);
            let label = first(&leaves, "PSource").map(hex);
            let hash = |element| first(&leaves, element).and_then(|name| HashingAlgorithm::TABLE.value(name));
            let parameters = AsymmetricParameters {
                padding: PaddingMethod::TABLE.value(first(&leaves, "PaddingMethod").unwrap()).map(PaddingMethod),
                hash: hash("HashingAlgorithm").map(HashingAlgorithm),
                mask_hash: hash("MaskGeneratorHashingAlgorithm").map(HashingAlgorithm),
                label: label.as_deref(),
                ..Default::default()
            };
            let format =
                KeyFormatType::TABLE.value(first(&leaves, "KeyFormatType").unwrap()).map(KeyFormatType).unwrap();
            let material = hex(first(&leaves, "KeyMaterial").unwrap());
            let data = all(&leaves, "Data");
            // Some cases feed back what the server made; there is nothing to compare then.
            if data.iter().any(|data| data.starts_with('$')) {
                continue;
            }
            let data: Vec<_> = data.into_iter().map(hex).collect();
            if all(&leaves, "Operation").contains(&"Decrypt") {
                let key = parse_private(format, Hint::default(), Material::Bytes(&material)).unwrap();
                let plain = key.decrypt(&parameters, &data[0], SoftwareRsa::Allow).unwrap();
                assert_eq!(plain.expose(), data[1], "{name}");
                seen.0 += 1;
            } else if let Some(signatures) = Some(all(&leaves, "SignatureData")).filter(|found| !found.is_empty()) {
                let key = parse_public(format, Hint::default(), Material::Bytes(&material)).unwrap();
                let verdicts: Vec<_> = (data.iter().zip(signatures))
                    .map(|(data, signature)| key.verify(&parameters, Input::Message(data), &hex(signature)).unwrap())
                    .collect();
                assert_eq!(verdicts, [true, false, false], "{name}");
                seen.1 += 1;
            }
        }
    }
    assert!(seen.0 > 0 && seen.1 > 0, "{seen:?}");
}
