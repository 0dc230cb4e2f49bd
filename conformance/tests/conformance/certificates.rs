//! Certificates that the server makes, in the hands of another implementation: OpenSSL makes the request and verifies
//! the chain.

use std::path::Path;
use std::process::Command;

use conformance::Result;
use conformance::play::Player;
use keyhaven::base::Value;
use keyhaven::registry::{Tag, ValidityIndicator};
use libtest_mimic::Trial;

use crate::{life, subject, trial};

/// The tests of this file.
pub fn tests() -> Result<Vec<Trial>> {
    let rows = [("ECDSA", 256), ("ECDSA", 384), ("RSA", 2048)];
    Ok(rows
        .into_iter()
        .map(|(algorithm, length)| {
            let name = format!("certificates::openssl-accepts-a-chain-of-{algorithm}-{length}");
            trial(name.to_lowercase(), move || chain(algorithm, length))
        })
        .collect())
}

/// A root and an authority below it from key pairs, a leaf from a request of OpenSSL; then the renewal of the leaf.
fn chain(algorithm: &str, length: i32) -> Result<()> {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("openssl is not here; nothing was compared");
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = folder.path();
    let subject = subject()?;
    let mut player = Player::new(&subject, &format!("certificates-{algorithm}-{length}").to_lowercase(), "2.1")?;

    let root = authority(
        &mut player,
        (algorithm, length),
        "root",
        r#"<Attribute>
        <VendorIdentification value="x"/><AttributeName value="Keyhaven-Self-Signed"/>
        <AttributeValue type="TextString" value="true"/></Attribute>"#,
    )?;
    let named = format!(r#"<Link><LinkType value="CertificateLink"/><LinkedObjectIdentifier value="{root}"/></Link>"#);
    let middle = authority(&mut player, (algorithm, length), "middle", &named)?;

    openssl(
        folder,
        &[
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/C=DE/O=Example/CN=leaf",
            "-addext",
            "subjectAltName=DNS:leaf.example,IP:10.0.0.1",
            "-addext",
            "extendedKeyUsage=serverAuth",
            "-outform",
            "DER",
            "-keyout",
            "leaf.key",
            "-out",
            "leaf.csr",
        ],
    )?;
    let csr = std::fs::read(folder.join("leaf.csr")).map_err(|error| error.to_string())?;
    let named =
        format!(r#"<Link><LinkType value="CertificateLink"/><LinkedObjectIdentifier value="{middle}"/></Link>"#);
    let leaf = text(&done(
        &mut player,
        "Certify",
        &format!(
            r#"<CertificateRequestType value="PKCS_10"/><CertificateRequestValue type="ByteString" value="{}"/>
        <Attributes>{named}</Attributes>"#,
            hex(&csr)
        ),
    )?)?;
    let renewed = text(&done(&mut player, "ReCertify", &id(&leaf))?)?;

    for (id, name) in [(&root, "root"), (&middle, "middle"), (&leaf, "leaf"), (&renewed, "renewed")] {
        let der = certificate(&mut player, id)?;
        std::fs::write(folder.join(format!("{name}.der")), der).map_err(|error| error.to_string())?;
        let (input, output) = (format!("{name}.der"), format!("{name}.pem"));
        openssl(folder, &["x509", "-inform", "DER", "-in", &input, "-out", &output])?;
    }
    for leaf in ["leaf.pem", "renewed.pem"] {
        openssl(
            folder,
            &[
                "verify",
                "-x509_strict",
                "-purpose",
                "sslserver",
                "-verify_hostname",
                "leaf.example",
                "-CAfile",
                "root.pem",
                "-untrusted",
                "middle.pem",
                leaf,
            ],
        )?;
    }
    let all = [&root, &middle, &renewed].map(|one| id(one)).concat();
    let judged = done(&mut player, "Validate", &all)?;
    match judged.field(Tag::ValidityIndicator) {
        Some(Value::Enumeration(validity)) if *validity == ValidityIndicator::Valid.0 => Ok(()),
        other => Err(format!("Validate says {other:?} of what OpenSSL accepts")),
    }
}

/// A new key pair and its certificate as an active certification authority.
fn authority(player: &mut Player<'_>, (algorithm, length): (&str, i32), name: &str, more: &str) -> Result<String> {
    let pair = done(
        player,
        "CreateKeyPair",
        &format!(
            r#"<CommonAttributes><CryptographicAlgorithm value="{algorithm}"/><CryptographicLength value="{length}"/>
        <ActivationDate value="$now-3600"/></CommonAttributes>
        <PrivateKeyAttributes><CryptographicUsageMask value="CertificateSign"/></PrivateKeyAttributes>
        <PublicKeyAttributes><CryptographicUsageMask value="Verify"/></PublicKeyAttributes>"#
        ),
    )?;
    let public = pair.field(Tag::PublicKeyUniqueIdentifier).and_then(Value::as_text).ok_or("no public key")?;
    text(&done(
        player,
        "Certify",
        &format!(
            r#"{}<Attributes><ActivationDate value="$now-3600"/><CertificateType value="X_509"/>
        <CryptographicUsageMask value="CertificateSign CRLSign"/>
        <CertificateSubjectO value="Example"/><CertificateSubjectCN value="{name}"/>{more}</Attributes>"#,
            id(public)
        ),
    )?)
}

fn certificate(player: &mut Player<'_>, identifier: &str) -> Result<Vec<u8>> {
    let got = done(player, "Get", &id(identifier))?;
    match got.field(Tag::Certificate).and_then(|object| object.field(Tag::CertificateValue)) {
        Some(Value::ByteString(der)) => Ok(der.to_vec()),
        other => Err(format!("a certificate is {other:?}")),
    }
}

fn id(identifier: &str) -> String {
    format!(r#"<UniqueIdentifier value="{identifier}"/>"#)
}

fn text(payload: &Value) -> Result<String> {
    let id = payload.field(Tag::UniqueIdentifier).and_then(Value::as_text);
    id.map(str::to_owned).ok_or_else(|| "the answer has no identifier".to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The payload of the answer to one operation, which must succeed.
fn done(player: &mut Player<'_>, operation: &str, payload: &str) -> Result<Value> {
    life::done(player, &format!(r#"<request><item op="{operation}">{payload}</item></request>"#))
}

fn openssl(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output();
    let output = output.map_err(|error| format!("openssl: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("openssl {arguments:?}: {}", String::from_utf8_lossy(&said)))
}
