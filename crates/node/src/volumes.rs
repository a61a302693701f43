//! What the volumes of an app hold, as the cells that have them say.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tombolo_spec::{Grant, GrantSet, VolumeCount};

use crate::api::types::VolumeStatus;

/// The volumes that these grants name, in the app's folder of data.
pub(crate) fn statuses<'g>(
    data: &Path,
    grants: impl Iterator<Item = &'g GrantSet>,
) -> BTreeMap<String, VolumeStatus> {
    let mut volumes = BTreeMap::<String, VolumeStatus>::new();
    for grant in grants.flat_map(GrantSet::grants) {
        let Grant::Volume { name, size, .. } = grant else { continue };
        let volume = volumes.entry(name.to_string()).or_insert_with(|| VolumeStatus {
            held_bytes: held_bytes(&data.join("volumes").join(format!("{name}.count"))),
            size_bytes: 0,
        });
        volume.size_bytes = volume.size_bytes.max(size.bytes());
    }
    volumes
}

/// A cell that was taken over may have written anything: it is a number in any case, and no more is read.
fn held_bytes(path: &Path) -> Option<u64> {
    let mut count = [0; VolumeCount::LEN];
    File::open(path).ok()?.read_exact_at(&mut count, 0).ok()?;
    Some(VolumeCount::from_bytes(&count)?.held.bytes)
}
