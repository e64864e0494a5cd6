//! HTTPS: who is trusted, and what is said of who is not.

use std::fs;
use std::path::{Path, PathBuf};

use stayhook_core::{AddressRules, FaultClass, Span};
use stayhook_courier::{Courier, CourierConfig, CourierError};
use stayhook_testkit::{Receiver, ServerCertificate, TestCa};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::desk::{Desk, LOOPBACK, NAME, Setup};

/// An authority, and a desk that trusts it.
async fn trusting() -> (TestCa, Desk, TempDir) {
    let (ca, folder) = (TestCa::new(), TempDir::new().unwrap());
    let file = folder.path().join("ca.pem");
    fs::write(&file, ca.pem()).unwrap();
    // Handshakes of many tests at once take a while in a debug build.
    let setup = Setup { limit: Span::seconds(5), ca_file: Some(file), ..Setup::default() };
    (ca, Desk::with(setup).await, folder)
}

async fn refused(certificate: ServerCertificate, words: &str) {
    let (_ca, desk, _folder) = trusting().await;
    let receiver = Receiver::start_tls(certificate).await.unwrap();
    desk.fails(&receiver.url_at(NAME, "/"), FaultClass::Tls, words).await;
    assert_eq!(receiver.count(), 0, "nothing was sent");
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted() {
    let (ca, desk, _folder) = trusting().await;
    let receiver = Receiver::start_tls(ca.issue(&[NAME, "my_app.example.com", "127.0.0.1"])).await.unwrap();
    desk.dns.answer("my_app.example.com", vec![LOOPBACK]);
    assert!(desk.send(&receiver.url_at("my_app.example.com", "/")).await.is_success());
    for url in [receiver.url_at(NAME, "/"), receiver.url_at("hooks.example.com.", "/"), receiver.url("/")] {
        assert!(desk.send(&url).await.is_success(), "{url}");
    }
    assert!(desk.reply(&receiver.url_at(NAME, "/")).await.reused);
}

#[tokio::test]
async fn an_expired_certificate_is_called_so() {
    let (ca, desk, _folder) = trusting().await;
    let receiver = Receiver::start_tls(ca.issue_expired(&[NAME])).await.unwrap();
    desk.fails(&receiver.url_at(NAME, "/"), FaultClass::Tls, "has expired").await;
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_called_so() {
    let (ca, desk, _folder) = trusting().await;
    let receiver = Receiver::start_tls(ca.issue(&["other.example.com"])).await.unwrap();
    desk.fails(&receiver.url_at(NAME, "/"), FaultClass::Tls, "for another name").await;
    desk.fails(&receiver.url("/"), FaultClass::Tls, "for another name").await;
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn an_unknown_issuer_is_called_so() {
    refused(TestCa::new().issue(&[NAME]), "issuer of the receiver's certificate is unknown").await;
}

#[tokio::test]
async fn a_private_authority_that_shows_itself_is_called_so() {
    refused(TestCa::new().issue_with_root(&[NAME]), "from a private authority").await;
    refused(
        TestCa::new().issue_by_intermediate(&[NAME], true),
        "issuer of the receiver's certificate is unknown",
    )
    .await;
}

#[tokio::test]
async fn a_missing_intermediate_is_called_so() {
    let (ca, desk, _folder) = trusting().await;
    let whole = Receiver::start_tls(ca.issue_by_intermediate(&[NAME], true)).await.unwrap();
    assert!(desk.send(&whole.url_at(NAME, "/")).await.is_success());
    let lacking = Receiver::start_tls(ca.issue_by_intermediate(&[NAME], false)).await.unwrap();
    let words = "does not send the intermediate certificates (configure the full chain)";
    desk.fails(&lacking.url_at(NAME, "/"), FaultClass::Tls, words).await;
    assert_eq!(lacking.count(), 0);
}

#[tokio::test]
async fn no_common_cipher_is_called_so() {
    refused(ServerCertificate::without_common_cipher(&[NAME]), "no common cipher").await;
}

#[tokio::test]
async fn a_self_signed_certificate_is_called_so() {
    refused(ServerCertificate::self_signed(&[NAME]), "is self-signed").await;
}

#[tokio::test]
async fn a_port_without_tls_is_called_so() {
    let desk = Desk::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    });
    let url = format!("https://{NAME}:{port}/");
    desk.fails(&url, FaultClass::Tls, "does not speak TLS").await;
    server.abort();
}

#[tokio::test]
async fn a_receiver_that_never_finishes_the_handshake_times_out() {
    // One that waits for the end of an HTTP request, which a TLS client never sends.
    let (desk, receiver) = (Desk::hasty().await, Receiver::start().await.unwrap());
    let url = format!("https://{NAME}:{}/", receiver.address().port());
    desk.fails(&url, FaultClass::Timeout, "agreeing on TLS").await;
}

fn with_ca_file(path: &Path) -> Result<Courier, CourierError> {
    Courier::new(CourierConfig {
        timeout: Span::seconds(1),
        addresses: AddressRules::default(),
        nameservers: vec!["127.0.0.1:53".parse().unwrap()],
        ca_file: Some(PathBuf::from(path)),
    })
}

#[test]
fn a_file_of_roots_must_hold_some() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ca.pem");
    assert!(matches!(with_ca_file(&path), Err(CourierError::CaFileUnreadable { .. })));
    for content in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        fs::write(&path, content).unwrap();
        assert!(matches!(with_ca_file(&path), Err(CourierError::CaFileInvalid { .. })), "{content:?}");
    }
    fs::write(&path, TestCa::new().pem()).unwrap();
    assert!(with_ca_file(&path).is_ok());
}
