//! Namespaces that are being deleted.

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::time::sleep;

use crate::admin::{Admin, WHILE, account};
use crate::scenarios::OPT_IN;

/// In a namespace that is being deleted nothing can be made, and that is no failure.
pub(crate) async fn ending(admin: &Admin) -> Result<()> {
    admin.namespace("ending", json!({})).await?;
    admin.account("ending", "app", json!({}), json!([])).await?;
    admin.delete("/api/v1/namespaces/ending").await?;
    let label = json!({"metadata": {"labels": {OPT_IN: "true"}}});
    admin.change(&account("ending", "app"), &label).await?;
    sleep(WHILE).await;
    ensure!(
        admin
            .pull_secret("ending", "registry-auth-app")
            .await?
            .is_none()
    );
    let events = admin
        .read("/apis/events.k8s.io/v1/namespaces/ending/events")
        .await?;
    ensure!(events.unwrap_or_default()["items"] == json!([]));
    Ok(())
}
