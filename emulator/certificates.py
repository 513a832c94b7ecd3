"""The certificate authority of one local Azure, its server certificate, and the bundle that clients trust.

The authority can vouch for localhost alone (name constraints), and its private key is thrown away as soon as it has
signed the one server certificate: whoever adds it to a trust store gives nothing else away.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from emulator.state import write_private

VALID_FOR = timedelta(days=365)
RENEW_BEFORE = timedelta(days=7)
MARK = "\n# Below: the local Azure's own certificate authority\n"
_V4, _V6 = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")


def ensure(tls: Path, now: datetime) -> None:
    """Make `ca.pem`, `server.pem` and `server.key` in `tls`, or renew them when they are missing or nearly expired."""
    if not _is_good(tls, now):
        _make(tls, now)


def write_bundle(tls: Path, environ: Mapping[str, str]) -> None:
    """Write `bundle.pem`: the certificates the caller trusts already (else certifi's) and the local authority."""
    known = ""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        path = Path(environ.get(name) or "")
        if environ.get(name) and path.is_file():
            # A caller that has loaded azure.env names our own bundle: cut our part off, or it would grow at each start.
            known = path.read_text(errors="replace").split(MARK)[0]
            break
    known = known or Path(certifi.where()).read_text()
    write_private(tls / "bundle.pem", known + MARK + (tls / "ca.pem").read_text())


def _is_good(tls: Path, now: datetime) -> bool:
    try:
        authority = x509.load_pem_x509_certificate((tls / "ca.pem").read_bytes())
        server = x509.load_pem_x509_certificate((tls / "server.pem").read_bytes())
        key = serialization.load_pem_private_key((tls / "server.key").read_bytes(), None)
        server.verify_directly_issued_by(authority)
    except Exception:  # whatever is wrong with the files, new ones put it right
        return False
    matches = key.public_key() == server.public_key()
    return matches and min(authority.not_valid_after_utc, server.not_valid_after_utc) - now > RENEW_BEFORE


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _make(tls: Path, now: datetime) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, now)
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = _server(server_key, authority, authority_key, now)
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(tls / "server.key", private.decode())
    write_private(tls / "server.pem", server.public_bytes(serialization.Encoding.PEM).decode())
    write_private(tls / "ca.pem", authority.public_bytes(serialization.Encoding.PEM).decode())


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    allowed = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_network(_V4)),
        x509.IPAddress(ipaddress.ip_network(_V6)),
    ]
    name = _name("Local Azure certificate authority")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(allowed, None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    names = [x509.DNSName("localhost"), x509.IPAddress(_V4), x509.IPAddress(_V6)]
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name("localhost"))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
