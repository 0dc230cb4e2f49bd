//! Against SoftHSM2; see `softhsm`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::softhsm::in_token;
use super::*;
use crate::base::{Entropy, KeyBytes};
use crate::crypto::random::SystemEntropy;
use crate::vault::root::{Old, Renewal, Root, RootError};

fn use_canary(hsm: &Hsm) -> Result<(), HsmError> {
    let id = KeyId::new(&[7; 8], Part::Canary);
    hsm.call("using the canary", move |desk| {
        let key = desk.key(token::ClassKey::Secret, &id)?;
        let mechanism = cryptoki::mechanism::Mechanism::AesCbc([0; 16]);
        desk.call(Call::Encrypt, |session| session.encrypt(&mechanism, key, &[0; 16])).map(drop)
    })
}

/// Waits for what comes by itself; a bound keeps a failing test from hanging.
fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    (0..200).any(|_| {
        let well = holds();
        if !well {
            sleep(Duration::from_millis(50));
        }
        well
    })
}

#[test]
fn one_login_and_no_search_for_a_known_key() {
    in_token("vault::pkcs11::tests::one_login_and_no_search_for_a_known_key", |bench| {
        let hsm = bench.with_canary();
        use_canary(&hsm).unwrap();
        let (finds, logins) = (hsm.calls().of(Call::Find), hsm.calls().of(Call::Login));
        for _ in 0..20 {
            use_canary(&hsm).unwrap();
        }
        assert_eq!(hsm.calls().of(Call::Find), finds);
        assert_eq!((hsm.calls().of(Call::Login), logins), (1, 1));
        assert_eq!(hsm.generation(), 1);
    });
}

#[test]
fn a_wrong_pin_is_tried_once() {
    in_token("vault::pkcs11::tests::a_wrong_pin_is_tried_once", |bench| {
        let wrong = Hsm::open(bench.settings(), &Pin::new("4321".into()), None);
        assert_eq!(wrong.err(), Some(HsmError::Pin));
        // The module is free again, and the right PIN still opens the token.
        use_canary(&bench.with_canary()).unwrap();
        let missing = Settings { module: "/nowhere.so".into(), ..bench.settings() };
        assert!(matches!(Hsm::open(missing, &Pin::new("1234".into()), None), Err(HsmError::Configuration(_))));
    });
}

#[test]
fn a_module_has_one_context() {
    in_token("vault::pkcs11::tests::a_module_has_one_context", |bench| {
        let first = bench.with_canary();
        let second = Hsm::open(bench.settings(), &Pin::new("1234".into()), None);
        assert!(matches!(second, Err(HsmError::Configuration(_))));
        use_canary(&first).unwrap();
    });
}

#[test]
fn not_found_is_believed_while_the_canary_is_there() {
    in_token("vault::pkcs11::tests::not_found_is_believed_while_the_canary_is_there", |bench| {
        let hsm = bench.with_canary();
        let stranger = KeyId::new(&[7; 8], Part::Root(9));
        let find = |hsm: &Hsm| {
            let id = stranger.clone();
            hsm.call("finding", move |desk| desk.key_if_any(token::ClassKey::Secret, &id))
        };
        assert_eq!(find(&hsm), Ok(None));
        bench.take_away();
        assert!(find(&hsm).unwrap_err().is_retryable(), "absence was believed of a token that is away");
    });
}

#[test]
fn a_token_that_comes_back_is_used_again() {
    in_token("vault::pkcs11::tests::a_token_that_comes_back_is_used_again", |bench| {
        let hsm = bench.with_canary();
        use_canary(&hsm).unwrap();
        for round in 0..2 {
            bench.take_away();
            assert!(eventually(|| use_canary(&hsm).is_err_and(|error| error.is_retryable())), "round {round}");
            assert!(eventually(|| use_canary(&hsm).is_err() && hsm.ready().is_err()), "the breaker opens");
            bench.bring_back();
            assert!(eventually(|| use_canary(&hsm).is_ok()), "round {round}");
        }
        assert!(hsm.generation() > 1);
    });
}

#[test]
fn a_token_that_is_away_at_the_start_is_found_later() {
    in_token("vault::pkcs11::tests::a_token_that_is_away_at_the_start_is_found_later", |bench| {
        let canary = bench.open(None).make_canary([7; 8]).unwrap();
        bench.take_away();
        let hsm = bench.open(Some(canary));
        assert!(use_canary(&hsm).unwrap_err().is_retryable());
        bench.bring_back();
        assert!(eventually(|| use_canary(&hsm).is_ok()));
    });
}

#[test]
fn another_canary_is_another_token() {
    in_token("vault::pkcs11::tests::another_canary_is_another_token", |bench| {
        let canary = bench.open(None).make_canary([7; 8]).unwrap();
        let hsm = bench.open(Some(Canary { check: [0; 8], ..canary }));
        assert!(use_canary(&hsm).is_err());
    });
}

#[test]
fn sessions_and_logins_that_end_are_replaced() {
    in_token("vault::pkcs11::tests::sessions_and_logins_that_end_are_replaced", |bench| {
        let hsm = bench.with_canary();
        use_canary(&hsm).unwrap();
        // What an operator's tool or a fault of the module could do: the login ends, with all handles.
        hsm.call("logging out", |desk| desk.call(Call::Session, cryptoki::session::Session::logout)).unwrap();
        use_canary(&hsm).unwrap();
        assert_eq!(hsm.generation(), 1, "a login was enough");
    });
}

#[test]
fn a_caller_waits_no_longer_than_its_deadline() {
    in_token("vault::pkcs11::tests::a_caller_waits_no_longer_than_its_deadline", |bench| {
        let hsm = bench.with_canary();
        let (release, held) = channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let mut refused = 0;
        // Two workers hang, four jobs wait, the rest is refused at once.
        for _ in 0..8 {
            let held = Arc::clone(&held);
            let outcome = hsm.call_within(Duration::from_millis(20), "hanging", move |_| {
                let _ = held.lock().unwrap().recv();
                Ok(())
            });
            match outcome {
                Err(HsmError::Deadline("hanging")) => {}
                Err(HsmError::Busy | HsmError::Unavailable(_)) => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(refused > 0 && hsm.calls().late() >= 3, "{refused} {}", hsm.calls().late());
        drop(release);
        assert!(eventually(|| use_canary(&hsm).is_ok()), "the pulse closes the breaker");
    });
}

#[test]
fn a_bad_request_does_not_start_the_module_anew() {
    in_token("vault::pkcs11::tests::a_bad_request_does_not_start_the_module_anew", |bench| {
        let root = bench.root();
        let mut wrapped = root.wrap(&KeyBytes::copy_from(&[1; 32]), b"n").unwrap();
        for at in 0..wrapped.len() {
            wrapped[at] ^= 1;
            assert!(root.unwrap(&wrapped, b"n").is_err(), "byte {at}");
            wrapped[at] ^= 1;
        }
        assert!(root.unwrap(&wrapped, b"n").is_ok());
        assert_eq!(root.hsm().generation(), 1);
    });
}

#[test]
fn every_method_of_wrapping_that_the_token_has_gives_the_key_back() {
    in_token("vault::pkcs11::tests::every_method_of_wrapping_that_the_token_has_gives_the_key_back", |bench| {
        let hsm = bench.with_canary();
        let id = KeyId::new(&[7; 8], Part::Canary);
        let works = |method: WrapMethod| {
            let id = id.clone();
            let secret = KeyBytes::copy_from(&[3; 32]);
            hsm.call("wrapping", move |desk| {
                let wrapped = wrap::wrap(desk, method, &id, &secret, [9; 16])?;
                Ok(wrap::unwrap(desk, method, &id, &wrapped)?.expose() == [3; 32])
            })
        };
        for method in [WrapMethod::GcmIvGiven, WrapMethod::KeyWrap, WrapMethod::KeyWrapPad] {
            assert_eq!(works(method), Ok(true), "{method:?}");
        }
        for method in [WrapMethod::GcmIvReturned, WrapMethod::GcmIvAppended, WrapMethod::GcmIvPrepended] {
            assert!(matches!(works(method), Err(HsmError::Refused(_))), "{method:?}: SoftHSM2 makes no IV");
        }
        assert_eq!(works(WrapMethod::CbcPad), Ok(true));
    });
}

#[test]
fn a_root_in_the_token_wraps_rotates_and_retires() {
    in_token("vault::pkcs11::tests::a_root_in_the_token_wraps_rotates_and_retires", |bench| {
        let key = KeyBytes::copy_from(&[1; 32]);
        let (first, second) = {
            let root = bench.root();
            let first = root.wrap(&key, b"n").unwrap();
            assert_eq!(root.unwrap(&first, b"n").unwrap().expose(), key.expose());
            assert!(matches!(root.unwrap(&first, b"m"), Err(RootError::Wrong)));
            assert_eq!(root.method(), Some(WrapMethod::GcmIvGiven));
            assert_eq!(root.advance(&Renewal::Key).unwrap().version, 2);
            (first, root.wrap(&key, b"n").unwrap())
        };
        let root = bench.root();
        assert_eq!((root.version(), root.version_of(&first), root.version_of(&second)), (2, Some(1), Some(2)));
        assert!(root.unwrap(&first, b"n").is_ok() && root.unwrap(&second, b"n").is_ok());
        root.settle(2, Old::Deactivate).unwrap();
        assert!(root.unwrap(&first, b"n").is_ok(), "backups from before can still be opened");
        root.settle(2, Old::Destroy).unwrap();
        assert!(root.unwrap(&first, b"n").is_err());
        assert!(root.unwrap(&second, b"n").is_ok(), "the version that wraps is never retired");
        assert!(Pkcs11Root::create(root.hsm(), Path::new(&bench.directory.join("root.key")), &SystemEntropy).is_err());
    });
}

#[test]
fn the_epochs_of_the_ledger_are_keys_of_the_token() {
    in_token("vault::pkcs11::tests::the_epochs_of_the_ledger_are_keys_of_the_token", |bench| {
        let key = KeyBytes::copy_from(&[1; 32]);
        let root = bench.root();
        let epochs = root.epochs();
        assert!(epochs.living().unwrap().is_empty());
        assert_eq!((epochs.begin().unwrap(), epochs.begin().unwrap()), (1, 2));
        let (first, second) = (epochs.wrap_in(1, &key, b"n").unwrap(), epochs.wrap_in(2, &key, b"n").unwrap());
        assert!(matches!(epochs.unwrap_in(2, &first, b"n"), Err(RootError::Wrong)));
        assert!(matches!(epochs.unwrap_in(1, &first, b"m"), Err(RootError::Wrong)));
        assert!(root.unwrap(&first, b"n").is_err(), "the root is another key");
        assert!(epochs.keys().unwrap().is_none());
        // A rotation of the root is nothing to them.
        root.advance(&Renewal::Key).unwrap();
        root.settle(2, Old::Destroy).unwrap();
        assert_eq!(epochs.unwrap_in(1, &first, b"n").unwrap().expose(), key.expose());
        epochs.end_before(2).unwrap();
        drop(root);
        let root = bench.root();
        let epochs = root.epochs();
        assert_eq!(epochs.living().unwrap(), [2]);
        assert!(matches!(epochs.unwrap_in(1, &first, b"n"), Err(RootError::Epoch(1))));
        assert_eq!(epochs.unwrap_in(2, &second, b"n").unwrap().expose(), key.expose());
        assert_eq!(epochs.begin().unwrap(), 3);
    });
}

#[test]
fn a_token_is_a_vault() {
    in_token("vault::pkcs11::tests::a_token_is_a_vault", |bench| {
        let hsm = Arc::new(bench.with_canary());
        let vault = Resident::new(Arc::clone(&hsm), 60);
        let generation = hsm.generation();
        let lacking = crate::vault::suite::run(&vault);
        assert_eq!(hsm.generation(), generation, "what the client gets wrong does not start the module anew");
        // What SoftHSM2 2.6 has not, and says so.
        let wanted = [mechanism::PADS, "RSA-OAEP with these hashes and label"];
        assert_eq!(lacking, wanted);
    });
}

#[test]
fn a_token_has_as_many_keys_as_it_may() {
    use crate::vault::{KeyVault, ResidentKind, ResidentSpec, VaultError};

    in_token("vault::pkcs11::tests::a_token_has_as_many_keys_as_it_may", |bench| {
        let vault = Resident::new(Arc::new(bench.with_canary()), 2);
        let spec = ResidentSpec { kind: ResidentKind::Aes(128), wrappable: false };
        let made = vault.generate([1; 16], spec).unwrap();
        vault.generate([2; 16], spec).unwrap();
        assert_eq!(vault.generate([3; 16], spec).err(), Some(VaultError::Full));
        vault.erase(&made.id).unwrap();
        assert!(vault.generate([3; 16], spec).is_ok());
    });
}

#[test]
fn the_token_seeds_the_server() {
    in_token("vault::pkcs11::tests::the_token_seeds_the_server", |bench| {
        let hsm = Arc::new(bench.with_canary());
        let before = hsm.calls().of(Call::Random);
        let entropy = HsmEntropy::new(Arc::clone(&hsm)).unwrap();
        assert_eq!(hsm.calls().of(Call::Random), before + 1);
        let (mut one, mut two) = ([0; 32], [0; 32]);
        entropy.fill(&mut one).unwrap();
        entropy.fill(&mut two).unwrap();
        assert_ne!(one, two);
        bench.take_away();
        entropy.fill(&mut two).unwrap();
        assert_eq!(hsm.calls().of(Call::Random), before + 1, "no call for a draw");
        assert_eq!(entropy.parameters(), crate::base::RngParameters::HMAC_DRBG);
    });
}

#[test]
fn sessions_that_were_closed_are_replaced() {
    in_token("vault::pkcs11::tests::sessions_that_were_closed_are_replaced", |bench| {
        let hsm = bench.with_canary();
        use_canary(&hsm).unwrap();
        // A session that is not one any more: its operation was not initialized, or its handle is dead.
        let mut first = true;
        let outcome = hsm.call("a dead session", move |desk| {
            if std::mem::take(&mut first) {
                let closed = cryptoki::error::RvError::SessionHandleInvalid;
                return Err(Fault::Returned(closed, cryptoki::context::Function::Encrypt));
            }
            desk.call(Call::Session, cryptoki::session::Session::get_session_info).map(drop)
        });
        assert_eq!(outcome, Ok(()));
        assert_eq!(hsm.generation(), 1, "a new session was enough");
        use_canary(&hsm).unwrap();
    });
}
