//! The socket to an upstream: resolve, connect, TLS, all under one deadline.
//!
//! TLS is always verified against the host that the operator wrote, with the built-in roots or the operator's `ca_file`;
//! no early data, no key log. It must never connect anywhere but to the configured host.

use super::failure::Failure;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io::{self, IoSlice, Read};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Largest `ca_file`, in bytes: a bundle of all public roots has about 250 KB.
const CA_FILE_BYTES: u64 = 4 << 20;
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// A connected socket.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How to reach one upstream.
pub(super) struct Dialer {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Why the means to reach an upstream could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum DialerError {
    /// The certificate file cannot be read.
    #[error("the certificate file cannot be read: {0}")]
    CaFileUnreadable(#[source] io::Error),
    /// The certificate file is larger than 4 MiB.
    #[error("the certificate file is larger than {CA_FILE_BYTES} bytes")]
    CaFileTooLarge,
    /// The certificate file holds something that is not a certificate in PEM form, or none.
    #[error("the certificate file holds no usable certificate")]
    CaFileInvalid,
    /// The host is neither a DNS name nor an address.
    #[error("the host is neither a DNS name nor an address")]
    HostInvalid,
    /// rustls refuses the settings.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Dialer {
    /// Prepares to reach `host:port`; with TLS, makes the one client configuration that is kept (session resumption).
    pub(super) fn new(host: &str, port: u16, tls: bool, ca_file: Option<&Path>) -> Result<Self, DialerError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| DialerError::HostInvalid)?;
        let tls = if tls { Some((TlsConnector::from(Arc::new(client_config(ca_file)?)), name)) } else { None };
        Ok(Self { host: host.to_owned(), port, tls })
    }

    /// Connects before `deadline`, trying the name's addresses in turn. Each address has its share of the time to accept the
    /// connection, so that one that is dead does not spend it all; TLS then has what is left.
    pub(super) async fn connect(&self, deadline: Instant) -> Result<Wire, Failure> {
        let addresses = timeout_at(deadline, self.resolve()).await.map_err(|_| Failure::ConnectTimeout)??;
        let mut last = Failure::Connect;
        for (index, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let shares = u32::try_from(addresses.len().saturating_sub(index)).unwrap_or(1).max(1);
            let tcp = match timeout(left / shares, connect_tcp(*address)).await {
                Ok(Ok(tcp)) => tcp,
                Ok(Err(failure)) => {
                    last = failure;
                    continue;
                }
                Err(_) => {
                    last = Failure::ConnectTimeout;
                    continue;
                }
            };
            match timeout_at(deadline, self.secure(tcp)).await {
                Ok(Ok(wire)) => return Ok(wire),
                Ok(Err(failure)) => last = failure,
                Err(_) => return Err(Failure::ConnectTimeout),
            }
        }
        Err(last)
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await.map_err(|_| Failure::Resolve)?;
        let addresses: Vec<_> = found.filter(|address| may_be_an_upstream(address.ip())).take(MAX_ADDRESSES).collect();
        if addresses.is_empty() { Err(Failure::Resolve) } else { Ok(addresses) }
    }

    async fn secure(&self, tcp: TcpStream) -> Result<Wire, Failure> {
        match &self.tls {
            None => Ok(Wire::Plain(tcp)),
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), tcp).await.map_err(|_| Failure::Tls)?;
                Ok(Wire::Tls(Box::new(stream)))
            }
        }
    }
}

/// Whether a name may lead there. Link-local addresses (where clouds keep their metadata) and addresses that are nobody's are
/// what a rebound name points at, never where a provider or an agent lives (THREATS 37). Private ones are usual for
/// agents. An address that the operator wrote as such is not asked about.
fn may_be_an_upstream(address: IpAddr) -> bool {
    /// The metadata service of one cloud in its IPv6 form, outside the link-local range.
    const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address.to_canonical() {
        IpAddr::V4(v4) => !(v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()),
        IpAddr::V6(v6) => {
            !(v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast() || v6 == METADATA_V6)
        }
    }
}

async fn connect_tcp(address: SocketAddr) -> Result<TcpStream, Failure> {
    let tcp = TcpStream::connect(address).await.map_err(|_| Failure::Connect)?;
    tcp.set_nodelay(true).map_err(|_| Failure::Connect)?;
    Ok(tcp)
}

fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, DialerError> {
    let roots = match ca_file {
        Some(path) => read_roots(path)?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.enable_early_data = false;
    Ok(config)
}

fn read_roots(path: &Path) -> Result<RootCertStore, DialerError> {
    let mut pem = Vec::new();
    let file = std::fs::File::open(path).map_err(DialerError::CaFileUnreadable)?;
    file.take(CA_FILE_BYTES.saturating_add(1)).read_to_end(&mut pem).map_err(DialerError::CaFileUnreadable)?;
    if u64::try_from(pem.len()).unwrap_or(u64::MAX) > CA_FILE_BYTES {
        return Err(DialerError::CaFileTooLarge);
    }
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| DialerError::CaFileInvalid)?;
        roots.add(certificate).map_err(|_| DialerError::CaFileInvalid)?;
    }
    if roots.is_empty() { Err(DialerError::CaFileInvalid) } else { Ok(roots) }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca_file_without_a_certificate_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for content in ["", "not pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, content).unwrap();
            assert!(matches!(
                Dialer::new("example.com", 443, true, Some(&path)).err(),
                Some(DialerError::CaFileInvalid)
            ));
        }
        let missing = folder.path().join("missing.pem");
        assert!(matches!(
            Dialer::new("example.com", 443, true, Some(&missing)).err(),
            Some(DialerError::CaFileUnreadable(_))
        ));
    }

    #[test]
    fn name_that_leads_to_a_metadata_service_or_to_nobody_is_not_followed() {
        for address in
            ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1"]
        {
            assert!(!may_be_an_upstream(address.parse().unwrap()), "{address}");
        }
        for address in ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "104.18.6.192", "2606:4700::6812:6c0"] {
            assert!(may_be_an_upstream(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn host_that_is_no_host_is_an_error() {
        for host in ["", "a b", "user@host", "host:80", "[::1]", "a/b"] {
            assert!(matches!(Dialer::new(host, 443, true, None).err(), Some(DialerError::HostInvalid)), "{host:?}");
        }
        for host in ["api.openai.com", "127.0.0.1", "::1", "localhost"] {
            assert!(Dialer::new(host, 443, true, None).is_ok(), "{host:?}");
        }
    }
}
