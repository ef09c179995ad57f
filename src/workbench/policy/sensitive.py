"""Names the files in which keys, tokens and passwords usually lie, and says which patterns are made for them.

The one list for paths, file name patterns and walks. It looks at no disk and decides nothing.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache

_FOLDERS = frozenset(
    [
        *(
            ".ssh",
            ".aws",
            ".gnupg",
            ".kube",
            ".docker",
            ".azure",
            ".gcloud",
            ".password-store",
            ".terraform.d",
        ),
        *(".mozilla", ".thunderbird", ".electrum", ".bitcoin", ".ethereum", ".solana", ".chef", ".keyrings"),
        *("keyrings", "system-connections", ".secrets", ".oci", ".databricks"),
    ]
)
_PLACES = re.compile(
    r"/\.config/(gh|hub|glab-cli|gcloud|rclone|doctl|op|sops|google-chrome|chromium|bravesoftware)(/|$)"
    r"|/etc/(wireguard|openvpn|networkmanager|kubernetes|letsencrypt|ipsec\.secrets)(/|$)"
    r"|/etc/docker/key\.json$|/etc/mysql/debian\.cnf$|/etc/(opasswd|security/opasswd)$|/run/secrets(/|$)"
    r"|/\.(m2/settings(-security)?\.xml|cargo/credentials(\.toml)?|gem/credentials|composer/auth\.json)$"
    r"|/\.nuget/nuget\.config$|/\.gradle/gradle\.properties$|/gh/hosts\.yml$|/google-chrome/",
    re.IGNORECASE,
)
# Each of the places above lies in one of these.
_NEAR = re.compile(
    r"/(\.config|etc|run|\.m2|\.cargo|\.gem|\.composer|\.nuget|\.gradle|gh|google-chrome)(/|$)", re.IGNORECASE
)
_FILES = re.compile(
    # Logins of tools.
    r"\.netrc|_netrc|\.pgpass|pgpass\.conf|\.my\.cnf|\.mylogin\.cnf|\.git-credentials|\.pypirc|\.npmrc|\.dockercfg"
    r"|\.dockerconfigjson|\.vault-token|\.vault_pass(word)?(\.txt)?|vault[_-]pass(word)?(\.txt)?|\.s3cfg|\.boto|\.passwd-s3fs"
    r"|rclone\.conf|\.terraformrc|terraform\.rc|credentials\.tfrc\.json|\.rhosts|\.htpasswd|[^/]+\.htpasswd|\.smbcredentials"
    r"|(admin|kubelet|scheduler|controller-manager|super-admin)\.kubeconfig|kubeconfig[^/]*|[^/]+\.kubeconfig|\.databrickscfg"
    # Variables.
    r"|\.env(\.(?!example$|sample$|template$|dist$|schema$|defaults$)[^/]*)?|(?!(example|sample|template|dist)\.)[^/]+\.env"
    r"|\.envrc|[^/]+\.tfvars(\.json)?|[^/]*\.?terraform\.tfstate[^/]*|[^/]+\.tfstate(\.backup)?|local\.settings\.json"
    # Keys.
    r"|id_(rsa|dsa|ecdsa|ed25519)(_sk)?[^/]*|ssh_host_[^/]*_key|(?!cacert\.|[^/]*public)[^/]*\.pem"
    r"|[^/]*\.(p12|pfx|pkcs12|p8|key|keystore|jks|jceks|bks|kdbx?|keytab|ppk|ovpn|nmconnection|agekey|kwallet|keychain)"
    r"|wg\d+\.conf|secring\.[a-z]+|[^/]*(private|secret)[^/]*\.(asc|gpg|der|pgp)|private[-_.]?keys?(\.[a-z]+)?|master\.key"
    r"|wallet\.(dat|json)|[^/]+\.wallet|keystore\.json"
    # Passwords and tokens by their name.
    r"|\.?credentials(\.(json|ya?ml|toml|ini|xml|csv|db|txt|cfg|properties))?"
    r"|\.secrets?|\.?secrets?\.(ya?ml|json|toml|env|ini|properties|txt|xml|enc|cfg|conf)|\.secret[_-]?(key|token)(_base)?"
    r"|\.(passwords?|passphrase|passwd)|\.?(passwords?|passphrase)\.(txt|csv|ya?ml|json|ini)|client_secrets?[^/]*\.json|tokens?\.json"
    r"|[^/]*service[-_]?account[^/]*\.json|[^/]*firebase[-_]?adminsdk[^/]*\.json|wp-config\.php|[^/]*-(sa|key)-?credentials\.json|(gcp|gcloud|google)[-_](key|credentials)\.json"
    r"|application_default_credentials\.json|access_tokens\.db|\.token|\.?(api|auth|access)[-_]?(key|token)s?\.txt"
    # What was typed, and what browsers keep.
    r"|\.(bash|zsh|sh|ksh|fish|python|psql|mysql|node_repl|sqlite|rediscli|irb|pry|php|dbshell|scala|lein)_?history"
    r"|\.histfile|fish_history|consolehost_history\.txt|\.lesshst|\.viminfo"
    r"|login data|cookies\.sqlite|logins\.json|key[34]\.db|signons\.sqlite",
    re.IGNORECASE,
)
NAMES = (
    *(
        ".env",
        ".env.local",
        ".env.production",
        ".env.development",
        "prod.env",
        ".envrc",
        "id_rsa",
        "id_ed25519",
    ),
    *("id_ecdsa", "server.pem", "key.pem", "server.key", "private.key", "tls.key", "a.p12", "a.pfx", "a.p8"),
    *(
        "a.jks",
        "a.keystore",
        "a.kdbx",
        "a.keytab",
        "a.ppk",
        "a.ovpn",
        "wg0.conf",
        "a.nmconnection",
        "a.agekey",
    ),
    *(
        "credentials",
        "credentials.json",
        "credentials.yml",
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".git-credentials",
    ),
    *(
        "secrets.yml",
        "secrets.yaml",
        "secrets.json",
        "secrets.toml",
        "secret.txt",
        "passwords.txt",
        "password.txt",
    ),
    *(".pgpass", ".my.cnf", ".vault-token", ".vault_pass", ".s3cfg", ".boto", "rclone.conf", ".terraformrc"),
    *(
        "terraform.tfvars",
        "prod.tfvars",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "kubeconfig",
        ".htpasswd",
    ),
    *("service-account.json", "client_secret.json", "wallet.dat", "private.asc", "secring.gpg", ".dockercfg"),
    *(".bash_history", ".zsh_history", ".python_history", ".psql_history", ".mysql_history", ".lesshst"),
    *("logins.json", "key4.db", "cookies.sqlite", "token.json", "local.settings.json", "ssh_host_rsa_key"),
)
"""One name of each kind, for which patterns are tried; is_secret holds for all of them."""

_ALSO_FOR = (
    "shadow",
    "gshadow",
    "passwd",
    "sudoers",
    ".ssh",
    ".aws",
    ".gnupg",
    ".kube",
    "api_token.txt",
    "api_key.txt",
)
# A pattern that takes one of these too is made for something else.
_ORDINARY = (
    *(
        "README.md",
        "main.py",
        "app.ts",
        "index.js",
        "package.json",
        "tsconfig.json",
        "config.json",
        "data.json",
    ),
    *(
        "config.yml",
        "docker-compose.yml",
        "values.yaml",
        "app.yaml",
        "pyproject.toml",
        "config.toml",
        "notes.txt",
    ),
    *("requirements.txt", "setup.cfg", "tox.ini", "nginx.conf", "app.conf", "pom.xml", "data.csv", "app.db"),
    *(
        "app.sqlite",
        "data.sqlite",
        "build.log",
        "my.cnf",
        "gradle.properties",
        ".gitignore",
        ".eslintrc.json",
    ),
    *(
        ".editorconfig",
        ".bashrc",
        ".prettierrc",
        "Makefile",
        "Dockerfile",
        "main.tf",
        "test_app.py",
        "app.backup",
    ),
    *(
        "app.gpg",
        "sign.asc",
        "style.css",
        "index.html",
        "main.go",
        "lib.rs",
        "App.java",
        "server.py",
        "id.txt",
    ),
    *(
        "keys.py",
        "token.py",
        "local.py",
        "wallet.py",
        "history.py",
        "cookies.js",
        "logins.py",
        "data.dat",
        "production.yml",
    ),
)

PLACES = (
    *("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d/admin", "/etc/ssl/private/server.key"),
    *(
        "/etc/ssh/ssh_host_rsa_key",
        "/etc/wireguard/wg0.conf",
        "/etc/kubernetes/admin.conf",
        "/etc/krb5.keytab",
    ),
    *(
        "/etc/NetworkManager/system-connections/home.nmconnection",
        "/etc/mysql/debian.cnf",
        "/etc/docker/key.json",
    ),
    *("/proc/1/environ", "/proc/1/mem", "/proc/self/environ", "/run/docker.sock", "/var/run/docker.sock"),
    *("/root/.ssh/id_rsa", "/home/user/.ssh/id_rsa", "/home/user/.aws/credentials", "/run/secrets/token"),
)
"""Files outside any workspace that a walk over their folders would meet."""

FORBIDDEN = re.compile(
    r"/etc/(g?shadow-?|sudoers)(/|$)|/etc/sudoers\.d(/|$)|/etc/ssl/private(/|$)|/etc/ssh/ssh_host"
    r"|/proc/([^/]+/(task/[^/]+/)?(environ|mem|maps|fd|root|cwd|exe)(/|$)|kcore|kmem|sysrq-trigger)"
    r"|/proc/sys(/|$)|/dev/k?mem$|/(var/)?run/.*\.sock|docker\.sock$"
)
"""Password hashes, other processes' memory and environment, and daemons' sockets."""

_BRACKET = re.compile(r"\[[!^]?\]?(?:\[:[a-z]+:\]|[^\]])*\]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BRACES = re.compile(r"\{([^{}]*)\}")
_WORDS = re.compile(
    r"(?<![a-z0-9])\.?env(rc)?(?![a-z0-9])|id_(rsa|dsa|ecdsa|ed25519)|netrc|pgpass|pypirc|npmrc|htpasswd|kubeconfig"
    r"|(?<![a-z])(pem|pfx|p12|p8|jks|kdbx|keytab|ppk|ovpn|keystore|tfvars|tfstate)(?![a-z])|\.key(?![a-z])|secret|passw"
    r"|credential|shadow|sudoers|private_?key|service-?account|_history|wallet\.dat|git-credentials|\.(ssh|aws|gnupg|kube)(?![a-z])",
    re.IGNORECASE,
)

_SETTING = re.compile(
    r"auth|token|passw|passphrase|secret|credential|cookie|_pat$|(api|access|private|signing|encryption|master)[-_.]?key"
    r"|[-_.:]key$|^key$|(database|redis|mongo(db)?|broker|amqp|dsn)[-_]?(url|uri)|_dsn$|proxy|index[-_]?url|extraheader",
    re.IGNORECASE,
)


def is_secret(path: str) -> bool:
    """Returns whether keys, tokens or passwords usually lie under this path, by its names alone."""
    folder, _, name = path.rpartition("/")
    return name in _FOLDERS or is_secret_name(name) or (may_hold_secrets(folder) and _is_in_place(path))


@lru_cache(maxsize=8192)
def is_secret_name(name: str) -> bool:
    """Returns whether a file of this name is a secret wherever it lies."""
    return _FILES.fullmatch(name) is not None


def may_hold_secrets(folder: str) -> bool:
    """Returns whether a file in this folder may be a secret by where it lies, whatever its name."""
    return _NEAR.search(folder) is not None or not _FOLDERS.isdisjoint(folder.split("/"))


def _is_in_place(path: str) -> bool:
    return not _FOLDERS.isdisjoint(path.split("/")) or _PLACES.search(path) is not None


@lru_cache(maxsize=1024)
def is_pattern_for_secrets(pattern: str) -> bool:
    """Returns whether a file name pattern takes a secret's name and no ordinary one: `.env*`, `*.pem`."""
    for spelled in expand_braces(pattern):
        parts = [part for part in spelled.split("/") if part]
        if any(part in _FOLDERS for part in parts):
            return True
        last = parts[-1] if parts else ""
        if len(re.findall(r"[A-Za-z0-9]", last)) < 2:
            continue
        taken = compile_pattern(last)
        if any(taken.fullmatch(name) for name in _ORDINARY):
            continue
        if is_secret(re.sub(r"[*?\\]", "", spelled)) or any(
            taken.fullmatch(name) for name in (*NAMES, *_ALSO_FOR)
        ):
            return True
    return False


def is_expression_for_secrets(expression: str) -> bool:
    """Returns whether a regular expression over paths names a secret: `\\.env$`, `id_rsa`, `.*secret.*`."""
    plain = re.sub(r"\\([.\-_/$^+?*])", r"\1", expression)
    return _WORDS.search(plain) is not None or _WORDS.search(re.sub(r"[\[\]()?*+\\]", "", plain)) is not None


def is_setting_for_secrets(name: str) -> bool:
    """Returns whether a setting or a variable of this name usually holds a token or a password."""
    return _SETTING.search(name) is not None


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Returns an expression for a file name pattern that takes at least all that the pattern takes.

    Shells and tools differ in brackets; here each takes any character. Letters count alike in both cases.
    """
    wide = _BRACKET.sub("?", pattern)
    return re.compile(translate(_ESCAPED.sub(lambda match: match[1], wide)), re.IGNORECASE)


def is_exact_pattern(pattern: str) -> bool:
    """Returns whether a pattern takes just what compile_pattern says, but for the case of letters."""
    return not re.search(r"[\[\\\]]", pattern)


def expand_braces(pattern: str) -> tuple[str, ...]:
    """Returns the patterns that `{a,b}` stands for; what nests too deep is `*`, which takes everything."""
    found = [pattern]
    for _ in range(4):
        expanded = []
        for item in found:
            match = _BRACES.search(item)
            if match is None:
                expanded.append(item)
                continue
            expanded.extend(
                item[: match.start()] + choice + item[match.end() :] for choice in match[1].split(",")
            )
        found = expanded[:64]
        if len(expanded) > 64:
            return ("*",)
    return tuple("*" if _BRACES.search(item) else item for item in found)
