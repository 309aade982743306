//! A slapd of the tests' own.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ldap3::LdapConnAsync;
use tempfile::TempDir;

use crate::cases;
use crate::programs::{fixture, free_port, program, tools};

/// What is in the directory besides the entries of the rows.
const ENTRIES: &str = "\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=searcher,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: searcher
userPassword: searchpw

dn: ou=Users,dc=example,dc=org
objectClass: organizationalUnit
ou: Users

dn: ou=Groups,dc=example,dc=org
objectClass: organizationalUnit
ou: Groups

dn: ou=Deep,ou=Users,dc=example,dc=org
objectClass: organizationalUnit
ou: Deep

dn: cn=admins,ou=Groups,dc=example,dc=org
objectClass: groupOfNames
cn: admins
member: uid=ann,ou=Users,dc=example,dc=org

";

/// A running server; it ends when this is dropped.
pub(crate) struct Slapd {
    child: Option<Child>,
    folder: TempDir,
    /// The port without TLS, and for `startTLS`.
    pub(crate) port: u16,
    /// The port of LDAPS.
    pub(crate) tls_port: u16,
}

impl Slapd {
    /// Starts a server with the entries of the rows.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut slapd = Self {
            child: None,
            folder,
            port: free_port(),
            tls_port: free_port(),
        };
        slapd.load();
        slapd.resume();
        slapd
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) {
        let root = tools().join("debian-slapd/root").canonicalize().unwrap();
        let root = root.display();
        let include = ["core", "cosine", "inetorgperson"]
            .map(|name| format!("include {root}/etc/ldap/schema/{name}.schema\n"))
            .concat();
        let [pem, key] = ["directory.pem", "directory.key.pem"]
            .map(|name| fixture("certificates").join(name).display().to_string());
        let data = self.path("data");
        fs::create_dir(&data).unwrap();
        let text = format!(
            "{include}modulepath {root}/usr/lib/ldap\nmoduleload back_mdb\nmoduleload memberof\n\
             TLSCertificateFile {pem}\nTLSCertificateKeyFile {key}\n\
             database mdb\nsuffix dc=example,dc=org\nrootdn cn=admin,dc=example,dc=org\nrootpw adminpw\ndirectory {}\n",
            data.display()
        );
        fs::write(self.path("slapd.conf"), text).unwrap();
        let rows = cases::all();
        fs::write(
            self.path("ldif"),
            format!("{ENTRIES}{}", rows["ldif"].as_str().unwrap()),
        )
        .unwrap();
        let output = Command::new(program("slapd"))
            .args(["-T", "add", "-q", "-f"])
            .arg(self.path("slapd.conf"))
            .arg("-l")
            .arg(self.path("ldif"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Starts it again, on the same ports.
    pub(crate) fn resume(&mut self) {
        let (port, tls_port) = (self.port, self.tls_port);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        // In the foreground, with a line for each operation.
        let child = Command::new(program("slapd"))
            .args(["-d", "256", "-f"])
            .arg(self.path("slapd.conf"))
            .args([
                "-h",
                &format!("ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}"),
            ])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let both = [port, tls_port];
        for _ in 0..500 {
            if both
                .iter()
                .all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("slapd does not listen: {}", self.log());
    }

    /// Ends it; its data stays.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// What it did so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// The number of binds so far that named an entry below `ou=Users`.
    pub(crate) fn binds_of_people(&self) -> usize {
        let is_bind = |line: &&str| {
            line.contains(" BIND dn=\"") && line.contains("ou=Users") && line.contains("method=128")
        };
        self.log().lines().filter(is_bind).count()
    }

    /// A connection of the administrator.
    pub(crate) async fn administrator(&self) -> ldap3::Ldap {
        let url = format!("ldap://127.0.0.1:{}", self.port);
        let (connection, mut handle) = LdapConnAsync::new(&url).await.unwrap();
        tokio::spawn(async move { connection.drive().await });
        let bound = handle
            .simple_bind("cn=admin,dc=example,dc=org", "adminpw")
            .await;
        bound.unwrap().success().unwrap();
        handle
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}
