//! The services of an installation: from the file that `kb-dev` reads, or else as the platform has them by default.

use std::path::PathBuf;

use super::config_file;
use super::context::Context;
use super::json_text::Kind;
use super::yaml::{self, Node};

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) port: Option<u16>,
    /// Its health document: `http://…`; `None` for those that do not speak HTTP.
    pub(super) health: Option<String>,
    /// `http://127.0.0.1:4000`.
    pub(super) base: Option<String>,
    pub(super) depends_on: Vec<String>,
    pub(super) is_optional: bool,
    pub(super) is_container: bool,
}

/// All services, and where that is known from.
#[derive(Clone, Debug, Default)]
pub(super) struct Services {
    pub(super) list: Vec<Service>,
    /// The file that lists them; `None` when they are those of the platform.
    pub(super) file: Option<PathBuf>,
    /// Why the file that is there could not be used.
    pub(super) problem: Option<String>,
}

/// Where `kb-dev` looks, in this order; the last one is that of a checkout of the platform.
const PLACES: [&str; 4] =
    [".kb/devservices.yaml", "devservices.yaml", "devservices.yml", ".kb/devservices.dev.yaml"];

/// Id, port, health path, what it needs.
const DEFAULTS: [(&str, u16, &str, &[&str]); 5] = [
    ("state-daemon", 7777, "/health", &[]),
    ("workflow", 7778, "/health", &["state-daemon"]),
    ("rest", 5050, "/api/v1/health", &["workflow"]),
    ("marketplace", 5070, "/health", &["state-daemon"]),
    ("gateway", 4000, "/health", &["state-daemon"]),
];

impl Services {
    /// The services of the installation. Those of the platform stand in where no file lists any.
    pub(super) fn of(context: &Context) -> Self {
        let mut found = Self::default();
        let file = PLACES.iter().map(|place| context.path(place)).find(|file| file.is_file());
        if let Some(file) = file {
            match config_file::text(&file).and_then(|text| read(&text)) {
                Ok(list) => (found.list, found.file) = (list, Some(file)),
                Err(why) => found.problem = Some(format!("{}: {why}", context.name_of(&file))),
            }
        }
        if found.list.is_empty() {
            found.list = defaults(context);
        }
        for service in &mut found.list {
            if let Some(base) = context.bases.get(&service.id) {
                service.move_to(base.trim_end_matches('/'));
            }
        }
        found
    }

    pub(super) fn get(&self, id: &str) -> Option<&Service> {
        self.list.iter().find(|service| service.id == id)
    }

    /// Those that the user asks about: one, or all.
    pub(super) fn wanted<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a Service> {
        let only = context.only.service.as_deref();
        self.list.iter().filter(move |service| only.is_none_or(|only| only == service.id))
    }

    /// What a service stands on, directly or not, deepest first, and each once.
    pub(super) fn below<'a>(&'a self, service: &'a Service) -> Vec<&'a Service> {
        let mut order = Vec::new();
        self.descend(service, &mut order, &mut vec![&service.id]);
        order
    }

    fn descend<'a>(&'a self, service: &'a Service, order: &mut Vec<&'a Service>, trail: &mut Vec<&'a str>) {
        for name in &service.depends_on {
            let Some(found) = self.get(name) else { continue };
            // A circle of dependencies has no deepest one.
            if trail.contains(&name.as_str()) || order.iter().any(|known| known.id == found.id) {
                continue;
            }
            trail.push(name);
            self.descend(found, order, trail);
            trail.pop();
            order.push(found);
        }
    }
}

impl Service {
    /// The address of one of its documents.
    pub(super) fn url(&self, path: &str) -> Option<String> {
        self.base.as_ref().map(|base| format!("{base}{path}"))
    }

    /// The address of its metrics: the REST service has them beside its health.
    pub(super) fn metrics(&self) -> Option<String> {
        self.url(if self.id == "rest" { "/api/v1/metrics" } else { "/metrics" })
    }

    fn move_to(&mut self, base: &str) {
        let path = |url: &str| url.splitn(4, '/').nth(3).map(str::to_owned);
        self.health = self.health.as_deref().and_then(path).map(|path| format!("{base}/{path}"));
        self.port = super::http::Address::parse(base).ok().map(|address| address.port).or(self.port);
        self.base = Some(base.to_owned());
    }
}

fn defaults(context: &Context) -> Vec<Service> {
    let told = config_file::value(context, &["gateway", "port"]).and_then(|node| match node.kind {
        Kind::Number(port) if port.fract() == 0.0 && (1.0..65536.0).contains(&port) => Some(port as u16),
        _ => None,
    });
    let service = |&(id, port, health, depends_on): &(&str, u16, &str, &[&str])| {
        let port = told.filter(|_| id == "gateway").unwrap_or(port);
        let base = format!("http://127.0.0.1:{port}");
        Service {
            id: id.to_owned(),
            port: Some(port),
            health: Some(format!("{base}{health}")),
            base: Some(base),
            depends_on: depends_on.iter().map(|&name| name.to_owned()).collect(),
            is_optional: false,
            is_container: false,
        }
    };
    DEFAULTS.iter().map(service).collect()
}

/// The services that a text lists.
fn read(text: &str) -> Result<Vec<Service>, String> {
    let told = |fault: yaml::Malformed| format!("line {}:{}: {}", fault.line, fault.column, fault.what);
    let root = yaml::parse(text).map_err(told)?;
    let services = root.get("services").ok_or("it has no key `services`")?;
    Ok(services.members().iter().filter_map(|(id, node)| Some(service(id.text()?, node))).collect())
}

fn service(id: &str, node: &Node) -> Service {
    let text = |keys: [&str; 2]| keys.iter().find_map(|key| node.get(key)?.text());
    let port = text(["port", "port"]).and_then(|port| port.parse().ok());
    let health = text(["health_check", "healthCheck"]).filter(|url| url.starts_with("http://"));
    let url = text(["url", "url"]).filter(|url| url.starts_with("http://")).map(str::to_owned);
    let of_health = health.and_then(|url| {
        let authority = url.strip_prefix("http://")?.split('/').next()?;
        Some(format!("http://{authority}"))
    });
    let of_port = port.map(|port: u16| format!("http://127.0.0.1:{port}"));
    let list = node.get("depends_on").or_else(|| node.get("dependsOn")).map_or(&[][..], Node::list);
    Service {
        id: id.to_owned(),
        port,
        health: health.map(str::to_owned),
        base: url.or(of_health).or(of_port).map(|base| base.trim_end_matches('/').to_owned()),
        depends_on: list.iter().filter_map(|name| name.text().map(str::to_owned)).collect(),
        is_optional: text(["optional", "optional"]) == Some("true"),
        is_container: text(["type", "type"]) == Some("docker"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::context;

    const FILE: &str = "
services:
  redis: &base { type: docker, port: 6379, health_check: 'localhost:6379', optional: true }
  state-daemon:
    type: node
    health_check: http://localhost:7777/health
    port: 7777
    depends_on: [redis]
  rest:
    <<: *base
    port: 5050
    url: http://localhost:5050
    health_check: http://localhost:5050/api/v1/health
    depends_on:
      - state-daemon
      - rest
";

    #[test]
    fn services_are_read_with_what_they_stand_on() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".kb")).unwrap();
        std::fs::write(folder.path().join(".kb/devservices.yaml"), FILE).unwrap();
        let mut context = context(folder.path());
        context.bases.insert("rest".into(), "http://127.0.0.1:9999".into());
        let services = Services::of(&context);
        let rest = services.get("rest").unwrap();
        assert_eq!(rest.health.as_deref(), Some("http://127.0.0.1:9999/api/v1/health"));
        assert_eq!((rest.port, rest.is_container), (Some(9999), false));
        let below: Vec<_> = services.below(rest).iter().map(|service| service.id.as_str()).collect();
        assert_eq!(below, ["redis", "state-daemon"]);
        let redis = services.get("redis").unwrap();
        assert!(redis.is_optional && redis.is_container && redis.health.is_none());
    }

    #[test]
    fn a_broken_list_is_told_and_the_platforms_own_stands_in() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("devservices.yaml"), "services: [\n a: b").unwrap();
        std::fs::write(folder.path().join("kb.config.json"), r#"{"gateway": {"port": 4100}}"#).unwrap();
        let services = Services::of(&context(folder.path()));
        assert!(services.problem.unwrap().starts_with("devservices.yaml: line "));
        assert_eq!(services.list.iter().find(|one| one.id == "gateway").unwrap().port, Some(4100));
    }

    #[test]
    fn anchors_that_multiply_are_refused() {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (before, name) in
            ["a", "b", "c", "d", "e", "f", "g", "h"].windows(2).map(|pair| (pair[0], pair[1]))
        {
            let aliases = vec![format!("*{before}"); 10].join(", ");
            text += &format!("{name}: &{name} [{aliases}]\n");
        }
        let fault = yaml::parse(&text).unwrap_err();
        assert!(fault.what.contains("too large"), "{fault:?}");
        assert!(yaml::parse(&"[".repeat(10_000)).is_err());
    }
}
