//! The supervisor's memory, in the table of processes.

use async_trait::async_trait;
use hub_types::names::ServiceName;
use serde_json::json;
use services::supervisor::{BoxError, Entry, Ledger};

use crate::db::{self, Db, ProcessRow};

/// Kind of the rows of services.
const KIND: &str = "service";

/// A [`Ledger`] in the hub's database.
#[derive(Debug, Clone)]
pub struct DbLedger(Db);

impl DbLedger {
    /// A ledger in `db`.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self(db)
    }
}

fn read(row: ProcessRow) -> Result<Entry, BoxError> {
    Ok(Entry {
        record: serde_json::from_value(row.record)?,
        fingerprint: row.fingerprint,
        url: row.data["url"].as_str().map(str::to_owned),
    })
}

#[async_trait]
impl Ledger for DbLedger {
    async fn load(&self, service: &ServiceName) -> Result<Option<Entry>, BoxError> {
        db::processes::find(self.0.read(), KIND, service.as_str())
            .await?
            .map(read)
            .transpose()
    }

    async fn list(&self) -> Result<Vec<(ServiceName, Entry)>, BoxError> {
        let rows = db::processes::list(self.0.read(), KIND).await?;
        rows.into_iter()
            .map(|row| Ok((ServiceName::stored(row.name.clone()), read(row)?)))
            .collect()
    }

    async fn store(&self, service: &ServiceName, entry: &Entry) -> Result<(), BoxError> {
        let row = ProcessRow {
            name: service.as_str().to_owned(),
            record: serde_json::to_value(&entry.record)?,
            fingerprint: entry.fingerprint.clone(),
            data: json!({ "url": entry.url }),
        };
        let tx = self.0.write().await?;
        db::processes::put(&tx, KIND, &row).await?;
        Ok(tx.commit().await?)
    }

    async fn forget(&self, service: &ServiceName) -> Result<(), BoxError> {
        let tx = self.0.write().await?;
        db::processes::remove(&tx, KIND, service.as_str()).await?;
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use services::process::ProcessRecord;

    use super::*;

    #[tokio::test]
    async fn entries_come_back() {
        let ledger = DbLedger::new(db::testing::empty().await);
        let name = ServiceName::stored("whoami");
        let record = ProcessRecord {
            pid: 7,
            start_ticks: 8,
            boot_id: "b".into(),
            pgid: 7,
            mark: None,
        };
        let entry = Entry {
            record,
            fingerprint: "f".into(),
            url: Some("http://127.0.0.1:1".into()),
        };
        assert_eq!(ledger.load(&name).await.unwrap(), None);
        ledger.store(&name, &entry).await.unwrap();
        let entry = Entry { url: None, ..entry };
        ledger.store(&name, &entry).await.unwrap();
        assert_eq!(ledger.list().await.unwrap(), [(name.clone(), entry)]);
        ledger.forget(&name).await.unwrap();
        assert_eq!(ledger.load(&name).await.unwrap(), None);
    }
}
