//! The table of operations: one row each, in the order of their codes. What is not here is answered with Operation
//! Not Supported, and Query does not list it.

use super::{Handler, run};
use crate::registry::Operation;

macro_rules! handlers {
    ($($module:ident::$Op:ident;)*) => {
        /// Every operation this server offers, in rising order.
        pub const HANDLERS: &[Handler] = &[$(
            Handler { operation: Operation::$Op, run: run::<super::$module::$Op> },
        )*];
    };
}

handlers! {
    create::Create;
    create_key_pair::CreateKeyPair;
    register::Register;
    rekey::ReKey;
    derive_key::DeriveKey;
    certify::Certify;
    recertify::ReCertify;
    locate::Locate;
    check::Check;
    get::Get;
    get_attributes::GetAttributes;
    get_attribute_list::GetAttributeList;
    add_attribute::AddAttribute;
    modify_attribute::ModifyAttribute;
    delete_attribute::DeleteAttribute;
    obtain_lease::ObtainLease;
    get_usage_allocation::GetUsageAllocation;
    activate::Activate;
    revoke::Revoke;
    destroy::Destroy;
    archive::Archive;
    recover::Recover;
    validate::Validate;
    query::Query;
    cancel::Cancel;
    poll::Poll;
    rekey_key_pair::ReKeyKeyPair;
    discover_versions::DiscoverVersions;
    encrypt::Encrypt;
    decrypt::Decrypt;
    sign::Sign;
    signature_verify::SignatureVerify;
    mac::MAC;
    mac_verify::MACVerify;
    rng_retrieve::RNGRetrieve;
    rng_seed::RNGSeed;
    hash::Hash;
    create_split_key::CreateSplitKey;
    join_split_key::JoinSplitKey;
    import::Import;
    export::Export;
    log::Log;
    login::Login;
    logout::Logout;
    delegated_login::DelegatedLogin;
    adjust_attribute::AdjustAttribute;
    set_attribute::SetAttribute;
    set_endpoint_role::SetEndpointRole;
    pkcs11::PKCS_11;
    interop::Interop;
    reprovision::ReProvision;
    set_defaults::SetDefaults;
    set_constraints::SetConstraints;
    get_constraints::GetConstraints;
    query_asynchronous_requests::QueryAsynchronousRequests;
    process::Process;
    ping::Ping;
    create_group::CreateGroup;
    obliterate::Obliterate;
    create_user::CreateUser;
    create_credential::CreateCredential;
    deactivate::Deactivate;
    encapsulate::Encapsulate;
    decapsulate::Decapsulate;
}

/// The handler of an operation.
pub fn handler(operation: Operation) -> Option<&'static Handler> {
    HANDLERS.binary_search_by_key(&operation, |handler| handler.operation).ok().map(|at| &HANDLERS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_row_is_an_operation() {
        assert!(HANDLERS.is_sorted_by_key(|handler| handler.operation));
        for one in HANDLERS {
            assert!(one.operation.row().is_some());
            assert_eq!(handler(one.operation).map(|found| found.operation), Some(one.operation));
        }
    }

    /// Operations that the server sends and clients answer (1.4 §5, 2.1 §6.2).
    const SENT_BY_THE_SERVER: &[Operation] = &[Operation::Notify, Operation::Put];

    #[test]
    fn every_operation_of_the_standard_has_a_handler() {
        for row in Operation::ROWS {
            let operation = Operation(row.value);
            let sent = SENT_BY_THE_SERVER.contains(&operation);
            assert_eq!(handler(operation).is_some(), !sent, "{operation}");
        }
    }
}
