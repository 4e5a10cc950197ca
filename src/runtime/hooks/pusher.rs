//! Who pushed: the operating system's user that the hook runs as, or whom a variable of the server names.

use std::fs;

use crate::format::hooks::Rule;

/// Bytes of a pusher's name that a variable may have.
const MAX_NAME: usize = 128;

/// Who may have pushed.
pub(super) struct Pushers {
    user: Option<String>,
}

impl Pushers {
    /// Looks who this process is: the kernel's word, not that of `USER`, which whoever calls may set.
    pub(super) fn look() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self { user: Some(name_of(&users, uid).unwrap_or_else(|| format!("uid {uid}"))) }
    }

    /// Nobody knows who it was.
    pub(super) fn nobody() -> Self {
        Self { user: None }
    }

    /// The pusher by a rule; none where its variable names nobody.
    pub(super) fn by(&self, rule: &Rule) -> Option<String> {
        let user = self.user.as_ref()?;
        match &rule.pusher_env {
            None => Some(user.clone()),
            Some(variable) => std::env::var(variable)
                .ok()
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty() && name.len() <= MAX_NAME),
        }
    }
}

fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nalice:x:1001:1001::/home/alice:/bin/sh\n";
        assert_eq!(name_of(users, 1001).as_deref(), Some("alice"));
        assert_eq!(name_of(users, 0).as_deref(), Some("root"));
        assert_eq!(name_of(users, 100), None);
    }
}
