//! A disk that is soon full.

use std::path::Path;
use std::process::Command;

use testkit::Result;

/// A disk of 256 KiB. Gone with this value.
pub(crate) struct SmallDisk(pub(crate) tempfile::TempDir);

impl SmallDisk {
    /// None where nobody may mount anything.
    pub(crate) fn mount() -> Result<Option<Self>> {
        let dir = tempfile::tempdir()?;
        let mount = ["-t", "tmpfs", "-o", "size=256k", "tmpfs"];
        let output = Command::new("mount").args(mount).arg(dir.path()).output()?;
        if !output.status.success() {
            eprintln!("NOT TESTED: cannot mount a tmpfs: {}", String::from_utf8_lossy(&output.stderr));
            return Ok(None);
        }
        Ok(Some(Self(dir)))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Leaves no room on the disk of this file.
pub(crate) fn fill(file: &Path) -> Result {
    let mut file = std::fs::File::create(file)?;
    while std::io::Write::write_all(&mut file, &[b'x'; 4096]).is_ok() {}
    Ok(())
}
