//! The reader of objects: libgit2 where it can read the repository, the git program elsewhere.

use std::fmt;

use super::GitError;
use super::object::{Object, ObjectDirectories, ObjectError, ObjectFormat, ObjectId, ObjectKind};
use super::program::CatFile;

/// Reads objects of one repository. Never runs filters or hooks and never uses the network.
pub struct ObjectReader(Store);

enum Store {
    Libgit(git2::Odb<'static>),
    Program(CatFile),
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.0 {
            Store::Libgit(_) => "ObjectReader(libgit2)",
            Store::Program(_) => "ObjectReader(git cat-file)",
        })
    }
}

impl ObjectReader {
    /// A reader that uses libgit2 where that can read the repository, and the git program elsewhere.
    ///
    /// The object directory is opened without the repository around it: libgit2 refuses repositories with extensions
    /// that it does not know, such as partial clones, though it can read their objects.
    pub(super) fn open(directories: &ObjectDirectories, format: ObjectFormat) -> Result<Self, GitError> {
        let all = || std::iter::once(&directories.main).chain(&directories.alternates);
        let names: Option<Vec<&str>> = all().map(|path| path.to_str()).collect();
        let Some(names) = names.filter(|_| format == ObjectFormat::Sha1) else {
            return Ok(Self(Store::Program(CatFile::new(directories.clone()))));
        };
        let damaged = |_| GitError::Damaged {
            path: directories.main.clone(),
            what: "its objects cannot be opened".into(),
        };
        let store = git2::Odb::new().map_err(damaged)?;
        for name in names {
            store.add_disk_alternate(name).map_err(damaged)?;
        }
        Ok(Self(Store::Libgit(store)))
    }

    /// The object `id`, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// When it is missing, too large or damaged, or when the git program is needed and not there.
    pub fn read(&mut self, id: ObjectId, limit: u64) -> Result<Object<'_>, ObjectError> {
        match &mut self.0 {
            Store::Program(program) => program.read(id, limit),
            Store::Libgit(store) => {
                let oid = git2::Oid::from_bytes(id.as_bytes()).map_err(object_error)?;
                if limit < u64::MAX {
                    let bytes = store.read_header(oid).map_err(object_error)?.0 as u64;
                    if bytes > limit {
                        return Err(ObjectError::TooLarge { bytes });
                    }
                }
                let object = store.read(oid).map_err(object_error)?;
                let kind = match object.kind() {
                    git2::ObjectType::Commit => ObjectKind::Commit,
                    git2::ObjectType::Tree => ObjectKind::Tree,
                    git2::ObjectType::Tag => ObjectKind::Tag,
                    _ => ObjectKind::Blob,
                };
                Ok(Object::libgit(kind, object))
            }
        }
    }

    /// The content of the tree `id`.
    pub(super) fn tree(&mut self, id: ObjectId) -> Result<Vec<u8>, ObjectError> {
        let object = self.read(id, u64::MAX)?;
        match object.kind {
            ObjectKind::Tree => Ok(object.bytes().to_vec()),
            _ => Err(ObjectError::Damaged("it is not a tree".into())),
        }
    }

    /// The tree that the commit `id` records.
    pub(super) fn tree_of_commit(&mut self, id: ObjectId) -> Result<ObjectId, ObjectError> {
        let object = self.read(id, u64::MAX)?;
        let line = object.bytes().split(|&byte| byte == b'\n').next().unwrap_or_default();
        line.strip_prefix(b"tree ")
            .filter(|_| object.kind == ObjectKind::Commit)
            .and_then(ObjectId::from_hex)
            .ok_or_else(|| ObjectError::Damaged("it is not a commit with a tree".into()))
    }
}

fn object_error(error: git2::Error) -> ObjectError {
    match error.code() {
        git2::ErrorCode::NotFound => ObjectError::Missing,
        _ => ObjectError::Damaged(error.message().to_owned()),
    }
}
