//! The login service: what the filter asks (`POST /v1/login`), and the pages and the API that the
//! proxy sends requests on to.

mod again;
mod api;
mod assemble;
mod audit;
mod body;
mod gone;
mod listen;
mod methods;
mod nonces;
mod question;
mod router;
mod shares;
mod state;
mod users;

use std::sync::Arc;

use registry_auth_engine::keys::envelope::PushKey;

pub use again::watch_directory;
pub use assemble::{AssembleError, Assembled, Kept, Surroundings};
pub use listen::{Listener, ServiceSwitch};
pub use state::ServiceState;
pub use users::watch_users;

use crate::apikey::Endpoint;
use crate::ended::EndedLogins;
use crate::login::Login;
use crate::pages::Pages;
use crate::store::Store;
use crate::token::LoginKey;
use nonces::Nonces;
use shares::Shares;

/// The service of one configuration.
pub struct LoginService {
    push_key: PushKey,
    key: LoginKey,
    login: Arc<Login>,
    ended: Arc<EndedLogins>,
    api: Option<Endpoint>,
    pages: Pages,
    nonces: Arc<Nonces>,
    store: Option<Arc<dyn Store>>,
    state: Arc<ServiceState>,
    shares: Shares,
}

impl LoginService {
    /// The methods, for metrics and changes of the htpasswd file.
    #[must_use]
    pub const fn login(&self) -> &Arc<Login> {
        &self.login
    }

    /// For metrics and readiness.
    #[must_use]
    pub const fn state(&self) -> &Arc<ServiceState> {
        &self.state
    }

    /// What has ended.
    #[must_use]
    pub const fn ended(&self) -> &Arc<EndedLogins> {
        &self.ended
    }

    /// The key that signs its tokens.
    #[must_use]
    pub const fn key(&self) -> &LoginKey {
        &self.key
    }
}

#[cfg(test)]
mod tests;
