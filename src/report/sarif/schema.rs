//! Tests of SARIF reports against the official schema, and of what the schema cannot say.
//!
//! The schema is in the package `serde-sarif`. A validator of all of JSON Schema would bring 40 packages, so this one
//! knows the keywords that this schema uses and refuses to pass over any other.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::coverage::Gap;
use crate::report::golden::Sample;
use crate::report::{Format, Style};

/// The draft-07 schema of SARIF 2.1.0, from the sources that this program is built from.
fn official() -> Value {
    let tell = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // Without a platform cargo would want packages of systems that nobody has downloaded here.
    let version = tell("rustc", &["--version", "--verbose"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let arguments = ["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host];
    let metadata: Value = serde_json::from_str(&tell(env!("CARGO"), &arguments)).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
    serde_json::from_str(&fs::read_to_string(folder.join("src/schema.json")).unwrap()).unwrap()
}

/// Every way in which `value` breaks `schema`, each with the path of the value.
fn faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        found.extend(keyword_faults(root, schema, (keyword, rule), value, at));
    }
    found
}

fn keyword_faults(
    root: &Value,
    schema: &Value,
    (keyword, rule): (&str, &Value),
    value: &Value,
    at: &str,
) -> Vec<String> {
    let fault =
        |broken: bool| if broken { vec![format!("{at}: {keyword} {rule}: {value}")] } else { Vec::new() };
    let passing =
        || rule.as_array().unwrap().iter().filter(|any| faults(root, any, value, at).is_empty()).count();
    match keyword {
        "$schema" | "$id" | "title" | "description" | "default" | "definitions" => Vec::new(),
        "$ref" => {
            let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
            faults(root, root.pointer(pointer).unwrap(), value, at)
        }
        "type" => fault(!match rule.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            other => panic!("type {other} is not known"),
        }),
        "enum" => fault(!rule.as_array().unwrap().contains(value)),
        "anyOf" => fault(passing() == 0),
        "oneOf" => fault(passing() != 1),
        "minimum" => fault(value.as_f64() < rule.as_f64()),
        "maximum" => fault(value.as_f64() > rule.as_f64()),
        "pattern" => {
            let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
            fault(value.as_str().is_some_and(|text| !pattern.is_match(text)))
        }
        "format" => fault(value.as_str().is_some_and(|text| !has_format(rule.as_str().unwrap(), text))),
        "minItems" => {
            fault(value.as_array().is_some_and(|items| (items.len() as u64) < rule.as_u64().unwrap()))
        }
        "uniqueItems" => {
            let twice = |items: &Vec<Value>| (1..items.len()).any(|i| items[..i].contains(&items[i]));
            fault(rule == &json!(true) && value.as_array().is_some_and(twice))
        }
        "items" => {
            let items = value.as_array().into_iter().flatten().enumerate();
            items.flat_map(|(index, item)| faults(root, rule, item, &format!("{at}/{index}"))).collect()
        }
        "required" => {
            fault(rule.as_array().unwrap().iter().any(|name| value.get(name.as_str().unwrap()).is_none()))
        }
        "properties" | "additionalProperties" => properties(root, schema, keyword, value, at),
        other => panic!("keyword {other} is not known"),
    }
}

fn properties(root: &Value, schema: &Value, keyword: &str, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, member) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        let named = schema.get("properties").and_then(|properties| properties.get(name));
        match (named, keyword, &schema["additionalProperties"]) {
            (Some(named), "properties", _) => found.extend(faults(root, named, member, &at)),
            (None, "additionalProperties", Value::Bool(false)) => {
                found.push(format!("{at}: not in the schema"));
            }
            (None, "additionalProperties", others @ Value::Object(_)) => {
                found.extend(faults(root, others, member, &at));
            }
            _ => {}
        }
    }
    found
}

fn has_format(format: &str, text: &str) -> bool {
    let uri = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
    let scheme = text.split_once(':').is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains('/'));
    match format {
        "uri" => uri && scheme,
        "uri-reference" => uri,
        "date-time" => regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$").unwrap().is_match(text),
        other => panic!("format {other} is not known"),
    }
}

fn log(sample: &Sample) -> Value {
    serde_json::from_str(&sample.write(Format::Sarif, Style::default())).unwrap()
}

#[test]
fn reports_are_valid() {
    let schema = official();
    for sample in [Sample::full(), Sample::clean(), Sample::hostile()] {
        assert_eq!(faults(&schema, &schema, &log(&sample), ""), [""; 0]);
    }
}

#[test]
fn the_validator_sees_what_is_wrong() {
    let schema = official();
    let broken = [
        ("/version", json!("2.0.0")),
        ("/runs/0/results/0/level", json!("fatal")),
        ("/runs/0/results/0/ruleIndex", json!(-2)),
        ("/runs/0/results/0/message", json!({})),
        ("/runs/0/results/0/colour", json!("red")),
        ("/runs/0/results/0/partialFingerprints/kbsecFinding~1v1", json!(1)),
        ("/runs/0/results/0/locations/0/physicalLocation/region/startLine", json!(0)),
        ("/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri", json!("a b")),
        ("/runs/0/invocations/0/startTimeUtc", json!("yesterday")),
        ("/runs/0/tool/driver/rules/0/helpUri", json!("no scheme")),
        ("/runs/0/tool/driver/rules/0/properties/tags", json!(["a", "a"])),
    ];
    for (pointer, value) in broken {
        let mut log = log(&Sample::full());
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        log.pointer_mut(parent).unwrap()[name.replace("~1", "/")] = value;
        assert!(!faults(&schema, &schema, &log, "").is_empty(), "{pointer}");
    }
}

#[test]
fn results_point_to_their_rules_and_carry_what_github_reads() {
    let log = log(&Sample::full());
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert_eq!(result["kind"], "fail");
        assert_eq!(result["locations"].as_array().unwrap().len(), 1);
        let related = result["relatedLocations"].as_array().map_or(0, Vec::len);
        let text = result["message"]["text"].as_str().unwrap();
        assert!((1..=related.min(10)).all(|id| text.contains(&format!("]({id})"))), "{text}");
    }
    for rule in rules {
        let properties = &rule["properties"];
        assert!(properties["security-severity"].as_str().unwrap().parse::<f64>().is_ok());
        assert!(properties["precision"].is_string() && properties["tags"][0] == "security");
    }
    let notifications = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    let descriptors = run["tool"]["driver"]["notifications"].as_array().unwrap();
    for notification in notifications {
        let index = usize::try_from(notification["descriptor"]["index"].as_u64().unwrap()).unwrap();
        assert_eq!(descriptors[index]["id"], notification["descriptor"]["id"]);
    }
}

#[test]
fn a_run_with_gaps_is_not_successful() {
    let successful =
        |sample: &Sample| log(sample)["runs"][0]["invocations"][0]["executionSuccessful"].clone();
    let mut sample = Sample::clean();
    assert_eq!(successful(&sample), true);
    sample.run.interrupted = true;
    assert_eq!(successful(&sample), false);
    sample.run.interrupted = false;
    sample.coverage.missed.push(Gap::new("a", "permission denied"));
    assert_eq!(successful(&sample), false);
}

#[test]
fn results_locations_and_notifications_are_bounded_and_the_worst_come_first() {
    let sample = Sample::huge();
    let log = log(&sample);
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 5000);
    assert_eq!((&results[0]["level"], &results[4999]["level"]), (&json!("error"), &json!("note")));
    assert_eq!(results[0]["relatedLocations"].as_array().unwrap().len(), 100);
    let notifications = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    assert!(notifications.len() <= 500, "{}", notifications.len());
    let texts: Vec<_> = notifications.iter().map(|told| told["message"]["text"].as_str().unwrap()).collect();
    for rest in ["2 more results, less severe", "700 more inputs could not", "900 more inputs skipped"] {
        assert!(texts.iter().any(|text| text.starts_with(rest)), "{rest}");
    }
}
