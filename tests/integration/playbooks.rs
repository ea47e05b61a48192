//! Playbooks: every step, symptom and command of the manual is covered, and nothing in them is faulty.

use std::collections::BTreeSet;

use kbsec::playbook::{Kind, Phase, Playbook, Playbooks};

/// What the manual says, by incident: symptoms, commands, steps. The words are those of the manual.
const MANUAL: &[(&str, &[&str])] = &[
    (
        "gateway-down",
        &[
            "All external clients get connection refused or 502",
            "shows gateway as",
            "KbGatewayDown",
            "kb-dev restart gateway",
            "sudo systemctl restart kb-gateway",
            "If it comes back healthy, proceed to diagnose",
            "kb-dev logs gateway",
            "sudo journalctl -u kb-gateway -n 200",
            "Look for the first error during bootstrap. Common causes:",
            "JSON parse error or schema validation failure. Fix the file and restart",
            "unset or malformed. Warning logged at startup; set the env var properly and restart",
            "Upstream services unreachable. The gateway starts fine without upstreams, but health checks fail. Start",
            "Port 4000 in use",
            "lsof -i :4000",
            "Persistent state corruption. Rare. The host store SQLite file may be locked or corrupted. Move it aside and restart",
            "Once the cause is fixed:",
            "kb-dev status",
            "curl -f http://localhost:4000/health",
            "Reconnection of host agents is automatic",
        ],
    ),
    (
        "rest-errors",
        &[
            "Specific API endpoints return 500 or time out",
            "Studio pages fail to load data",
            "KbHighErrorRate",
            "curl -f http://localhost:5050/api/v1/health",
            "curl -f http://localhost:5050/api/v1/routes",
            "If the health endpoint is OK but specific routes fail, it's a plugin",
            "If /health itself fails, it's the service",
            "pnpm kb marketplace plugins disable @scope/bad-plugin",
            "kb-dev restart rest",
            "kb-dev logs rest -f",
            "logged at bootstrap. LLM / vector store / cache couldn't connect",
            "kb_process_memory_rss_bytes",
            "OOM kills show up as hard restarts",
            "kb_event_loop_lag_seconds",
            "above 100ms means the service is saturated",
            "pluginId:*.*",
            "requestId",
            "serviceId:* AND requestId:req_abc123",
            "If plugin-specific: keep plugin disabled, investigate offline, push a fix, re-enable",
            "If adapter-specific: verify adapter config; rotate credentials if needed",
            "If memory leak: restart to reclaim memory; file a bug",
            "If it's a code regression in a recent deploy: rollback",
        ],
    ),
    (
        "workflow-stuck",
        &[
            "Workflow runs stuck in",
            "New runs aren't starting",
            "plateaued at 0 or pegged at the worker limit",
            "kb-dev restart workflow",
            "they resume on restart via the recovery path",
            "Broker deadlock",
            "core.resourceBroker.distributed: true",
            "the workflow daemon can't acquire rate limit slots",
            "check warnings in logs about workspace adapter missing",
            "by pluginId and cancel the offender",
            "curl -X POST http://localhost:7778/workflows/runs/<runId>/cancel",
            "If a specific workflow is the problem: cancel it, disable the plugin that owns it",
            "If it's broker backed up: after restart, runs resume from",
            "If the state daemon is the issue: restart it first, then the workflow daemon",
        ],
    ),
    (
        "marketplace-failing",
        &[
            "pnpm kb marketplace install",
            "Users can't install new plugins",
            "curl -f http://localhost:5070/health",
            "kb-dev logs marketplace",
            "If the service is up but installs fail, the issue is downstream",
            "npm ping",
            "df -h",
            "jq . .kb/marketplace.lock",
            "should parse. If not, restore from git or backup",
            "check the exact package name and whether you have registry access",
            "Fix the underlying issue (free disk, wait for npm, restore lock file)",
            "Retry the install",
            "mv .kb/marketplace.lock .kb/marketplace.lock.broken",
            "pnpm kb marketplace link /path/to/plugin",
        ],
    ),
    (
        "rogue-plugin",
        &[
            "Unexpected resource usage (memory, CPU, network)",
            "Suspicious file writes or network connections",
            "Diagnostic events tagged with a specific",
            "pnpm kb marketplace plugins disable @scope/suspicious-plugin",
            "kb-dev restart rest workflow",
            "Existing invocations complete; no new ones start",
            "Query analytics for events from this plugin over the incident window",
            "pluginId:@scope/suspicious-plugin",
            "Review its permissions in its manifest. Anything the plugin did within declared permissions is",
            "calls for unusual paths. File read/write patterns are the most likely vector",
            "calls for unexpected hosts",
            "If the plugin is from an untrusted source: uninstall, don't reinstall",
            "If the plugin is first-party and broken: push a fix, upgrade",
            "Review and tighten the plugin's permissions if the scope was too broad",
            "If the plugin had access to sensitive data: rotate whatever secrets it had access to",
            "Write a post-mortem covering what the plugin did, what we missed in review, what review process changes prevent this next time",
        ],
    ),
    (
        "sqlite-loss",
        &[
            "SQLITE_CORRUPT",
            "Analytics queries return stale or missing data",
            "Gateway host store lost recent hosts",
            "kb-dev stop rest",
            "Don't restart yet — the new service would also fail on the corrupted file",
            "sqlite3 .kb/database/kb.sqlite \"PRAGMA integrity_check;\"",
            "cp kb.sqlite kb.sqlite.corrupted",
            "sqlite3 kb.sqlite \".dump\" > dump.sql",
            "sqlite3 kb.sqlite.recovered < dump.sql",
            "Restore from backup if dump fails",
            "If no backup exists, delete the file and let the service recreate it empty. You lose historical data but services come back up",
            "Restart the service and verify",
            "Set up regular backups if you don't already",
        ],
    ),
    (
        "secret-leak",
        &[
            "API key shows up in a commit, a log, a Slack message, or anywhere it shouldn't",
            "Unusual activity on the account the key belongs to",
            "Revoke the compromised secret immediately via the provider's console (OpenAI, Anthropic, GitHub, etc.). Don't wait to finish this list",
            "if the leaked secret was used to sign tokens. This invalidates all outstanding JWTs",
            "Generate a replacement in your secret manager",
            "Update service env to use the new value",
            "Restart services so they pick up the new value",
            "git log -S",
            "logs (grep for patterns), CI logs, chat transcripts",
            "What could have been accessed with the leaked secret? Check the provider's audit log for the compromised account",
            "Is anything else at risk? If a plugin was granted access to that secret, check every other secret in the same scope",
            "git filter-repo",
            "Force-push after notifying the team",
            "Tighten process: add pre-commit hooks to scan for secret patterns",
            "add secret detection to CI",
            "Audit every recent commit in the affected repo for similar exposure",
            "Write up the incident and the mitigation steps",
        ],
    ),
    (
        "high-latency",
        &[
            "kb_http_request_duration_ms",
            "Users report slow CLI commands or Studio page loads",
            "Is it all services or one? Compare p99 across services in Prometheus",
            "Is it all endpoints or one? Group by",
            "kb_rest_domain_operation_*",
            "check analytics events for LLM/vector store/cache latency spikes",
            "LLM provider slowdown. OpenAI/Anthropic have occasional latency spikes. Check their status pages",
            "Vector store at capacity. Qdrant memory pressure can tank query performance",
            "Cache backend unreachable. Every cache miss hits the upstream instead",
            "Event loop lag. Something is blocking the event loop in the service process. Check",
            "Database lock contention. SQLite under heavy write load can serialize everything",
            "If one specific plugin is slow: disable it",
            "If one specific endpoint is slow: quick fix is to cache more aggressively",
            "If an adapter is slow: swap to a faster alternative if one exists, or throttle upstream calls",
            "After the immediate fire is out, investigate root cause and file a followup",
        ],
    ),
    (
        "unknown-failure",
        &[
            "Something is wrong but none of the above playbooks apply",
            "kb-dev status > /tmp/kb-status.txt",
            "kb-dev logs rest 2>&1 > /tmp/kb-rest.log",
            "kb-dev logs workflow 2>&1 > /tmp/kb-workflow.log",
            "kb-dev logs gateway 2>&1 > /tmp/kb-gateway.log",
            "sudden error spikes, resource exhaustion, missing scrapes",
            "Check the analytics events for the time window in question",
            "Reproduce if possible. If you can trigger the failure, you can debug it",
            "Rollback if this started after a recent deploy. When in doubt, rollback first",
            "take instances out of the load balancer rotation",
            "Restart as a last resort. Some bugs are cleared by a fresh process",
            "Once stable, file a detailed incident report with the state dump",
        ],
    ),
];

/// What the manual says of every incident.
const EVERYWHERE: &[&str] = &[
    "identify the incident, note the time, start a log",
    "write it up. What broke, what we did, what we'll do differently",
    "Severity: <low | medium | high | critical>",
    "Affected services: <list>",
    "<what actually broke, in terms of the code or config change that led to the failure>",
    "<how we found out, and how long after the failure started>",
    "<what we did, in order, with timings>",
    "<who was affected, what operations failed, any data loss>",
    "What went well",
    "What went wrong",
    "<owner> <concrete action>",
    "Blameless. Focus on systems, not people",
];

/// Words of the manual that name an error in it: a step that quotes them says what is done instead.
const CORRECTED: &[(&str, &str)] = &[
    ("unknown-failure", "kb-dev logs rest 2>&1 > /tmp/kb-rest.log"),
    ("rest-errors", "kb_process_memory_rss_bytes"),
    ("rest-errors", "kb_event_loop_lag_seconds"),
    ("rest-errors", "pnpm kb marketplace plugins disable @scope/bad-plugin"),
    ("rogue-plugin", "pnpm kb marketplace plugins disable @scope/suspicious-plugin"),
    ("rogue-plugin", "kb-dev restart rest workflow"),
    ("gateway-down", "unset or malformed. Warning logged at startup; set the env var properly and restart"),
    ("sqlite-loss", "cp kb.sqlite kb.sqlite.corrupted"),
    ("sqlite-loss", "sqlite3 kb.sqlite \".dump\" > dump.sql"),
    ("sqlite-loss", "sqlite3 .kb/database/kb.sqlite \"PRAGMA integrity_check;\""),
    ("secret-leak", "git log -S"),
    ("secret-leak", "git filter-repo"),
];

fn quotes(playbook: &Playbook) -> BTreeSet<&str> {
    let steps = playbook.steps.iter().flat_map(|step| &step.seed);
    steps.chain(playbook.symptoms.iter().flat_map(|symptom| &symptom.seed)).map(String::as_str).collect()
}

/// What of the manual no playbook covers.
fn uncovered(playbooks: &Playbooks) -> Vec<String> {
    let mut missing = Vec::new();
    for (id, said) in MANUAL {
        let Some(playbook) = playbooks.get(id) else {
            missing.push((*id).to_owned());
            continue;
        };
        let quotes = quotes(playbook);
        let lost = said.iter().chain(EVERYWHERE).filter(|words| !quotes.contains(**words));
        missing.extend(lost.map(|words| format!("{id}: {words}")));
    }
    missing
}

#[test]
fn every_step_symptom_and_command_of_the_manual_is_covered() {
    let playbooks = Playbooks::built_in().unwrap();
    assert_eq!(uncovered(&playbooks), [""; 0]);
    assert_eq!(playbooks.iter().count(), MANUAL.len());
}

#[test]
fn a_quote_that_is_lost_is_noticed() {
    let mut playbooks = Playbooks::built_in().unwrap();
    let text = "id = \"another\"\ntitle = \"Another\"\n";
    playbooks.adapt_text(text, "test").unwrap();
    let quotes = quotes(playbooks.get("another").unwrap());
    assert!(!quotes.contains(MANUAL[0].1[0]) && quotes.contains(EVERYWHERE[0]));
}

#[test]
fn where_the_manual_is_wrong_the_step_says_so() {
    let playbooks = Playbooks::built_in().unwrap();
    for (id, words) in CORRECTED {
        let steps = &playbooks.get(id).unwrap().steps;
        let step = steps.iter().find(|step| step.seed.iter().any(|quote| quote == words)).unwrap();
        assert!(step.correction.is_some(), "{id}/{}: {words}", step.id);
    }
}

#[test]
fn built_in_playbooks_have_no_fault_and_all_phases() {
    let playbooks = Playbooks::built_in().unwrap();
    let faults: Vec<String> =
        playbooks.lint(&[]).into_iter().map(|fault| format!("{}: {}", fault.place, fault.message)).collect();
    assert_eq!(faults, [""; 0]);
    for playbook in playbooks.iter() {
        let phases: BTreeSet<Phase> = playbook.steps.iter().map(|step| step.phase).collect();
        assert_eq!(phases.len(), Phase::ALL.len(), "{}", playbook.id);
    }
}

#[test]
fn a_machine_looks_after_most_steps() {
    let playbooks = Playbooks::built_in().unwrap();
    let steps = || playbooks.iter().flat_map(|playbook| &playbook.steps);
    // The frame is the same nine times over and would hide what the nine say.
    let own = || steps().filter(|step| !["begin", "details", "lessons"].contains(&step.id.as_str()));
    let checked = own().filter(|step| step.is_checked()).count();
    assert!(checked * 100 >= own().count() * 60, "{checked} of {}", own().count());
}

#[test]
fn a_repository_adds_steps_for_people_and_nothing_else() {
    let mut playbooks = Playbooks::built_in().unwrap();
    let step = |more: &str| {
        format!(
            "id = \"gateway-down\"\n[[step]]\nid = \"call\"\nphase = \"stabilise\"\nkind = \"human\"\n\
             title = \"Call the duty officer\"\nwhy = \"She knows.\"\nsay = [\"Call 1234.\"]\n{more}"
        )
    };
    assert_eq!(playbooks.adapt_text(&step(""), "a.toml").unwrap(), ["gateway-down/call"]);
    let steps = &playbooks.get("gateway-down").unwrap().steps;
    let at = steps.iter().position(|step| step.id == "call").unwrap();
    assert_eq!((steps[at].kind, steps[at + 1].phase), (Kind::Human, Phase::Diagnose));
    for forbidden in [
        "command = [[\"sh\"]]",
        "action = \"leak.revoke\"",
        "network = true",
        "evidence = [\"logs\"]",
        "check = \"net.http\"",
    ] {
        let refused = playbooks.adapt_text(&step(forbidden), "a.toml").unwrap_err().to_string();
        assert!(refused.starts_with("a.toml: step call: a repository's playbook may not have"), "{refused}");
    }
    let automatic = step("").replace("kind = \"human\"", "kind = \"automatic\"");
    assert!(playbooks.adapt_text(&automatic, "a.toml").is_err());
    let replaced = step("").replace("\"call\"", "\"restart\"");
    let refused = playbooks.adapt_text(&replaced, "a.toml").unwrap_err().to_string();
    assert!(refused.contains("is done by kbsec and cannot be replaced"), "{refused}");
    let misspelt = playbooks.adapt_text(&step("titel = 3"), "a.toml").unwrap_err().to_string();
    assert!(misspelt.contains("line 9") && misspelt.contains("did you mean `title`?"), "{misspelt}");
    assert_eq!(uncovered(&playbooks), [""; 0]);
}
