//! What lies in the store for a moment only: removed when whoever put it there is gone.

use std::sync::Arc;

use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;
use tracing::warn;

/// An upload that is to be renamed. Dropped without that, as when the work was cancelled, it is deleted.
pub(super) struct Staged {
    store: Arc<dyn ObjectStore>,
    path: StorePath,
    there: bool,
}

impl Staged {
    /// Beside `target`, so that publishing it is a rename.
    pub(super) fn beside(store: Arc<dyn ObjectStore>, target: &StorePath) -> Self {
        let name = format!("{target}.{}.part", uuid::Uuid::new_v4().simple());
        Self {
            store,
            path: StorePath::from(name),
            there: true,
        }
    }

    pub(super) const fn path(&self) -> &StorePath {
        &self.path
    }

    /// It was renamed: nothing is left to delete.
    pub(super) fn renamed(mut self) {
        self.there = false;
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Without a runtime the process is at its end.
        let Some(runtime) = Handle::try_current().ok().filter(|_| self.there) else {
            return;
        };
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        runtime.spawn(async move {
            match store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => warn!(%path, %error, "half an upload stays in the store"),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use object_store::memory::InMemory;
    use testkit::eventually;

    use super::*;

    #[tokio::test]
    async fn what_was_not_renamed_is_deleted_and_what_was_is_left_alone() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let target = StorePath::from("jobs/film.mp4");
        let staged = || Staged::beside(Arc::clone(&store), &target);
        let (kept, dropped) = (staged(), staged());
        let (kept_path, dropped_path) = (kept.path().clone(), dropped.path().clone());
        for path in [&kept_path, &dropped_path] {
            store.put(path, "half a film".into()).await.unwrap();
        }

        kept.renamed();
        drop(dropped);

        eventually("it is deleted", Duration::from_secs(10), async || {
            store.head(&dropped_path).await.is_err().then_some(())
        })
        .await;
        assert!(store.head(&kept_path).await.is_ok());
    }
}
