//! The manifests: that the schemas of Kubernetes take them, that they fit together, and ask for what they should. Not
//! tried: a cluster, kustomize itself, and the two resources of Prometheus's operator against its schemas.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::program::{file, prepared, program, read, run};

const DIR: &str = "deploy/kubernetes";

/// A manifest: one document a file.
fn manifest(name: &str) -> Value {
    serde_saphyr::from_str(&read(&format!("{DIR}/{name}"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// All that `kubectl apply -k` sends, with the optional component.
fn resources() -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for dir in ["", "monitoring/"] {
        for name in names(&manifest(&format!("{dir}kustomization.yaml"))["resources"]) {
            let resource = manifest(&format!("{dir}{name}"));
            let kind = resource["kind"].as_str().expect("a kind").to_owned();
            assert!(resource["apiVersion"].is_string(), "{name}");
            // A name after ours says of whom else a resource is.
            let of =
                resource["metadata"]["name"].as_str().and_then(|name| name.strip_prefix("jibri-autostart"));
            let kind = kind + of.unwrap_or_else(|| panic!("{name}: it has not our name"));
            assert!(resource["metadata"].get("namespace").is_none(), "{name}: the namespace is the user's");
            assert!(resource.get("spec").is_some() || kind == "ServiceAccount", "{name}");
            assert!(found.insert(kind, resource).is_none(), "{name}");
        }
    }
    found
}

#[test]
fn every_manifest_is_applied() {
    let listed = resources().len();
    let files = |dir: &str| {
        let entries = std::fs::read_dir(file(dir)).unwrap().map(|entry| entry.unwrap().file_name());
        entries.filter(|name| name.to_string_lossy().ends_with(".yaml")).count()
    };
    // One of each directory is the kustomization itself.
    assert_eq!(files(DIR) + files("deploy/kubernetes/monitoring"), listed + 2);
    let kinds = resources().into_keys().collect::<Vec<_>>();
    assert_eq!(
        kinds,
        [
            "Deployment",
            "NetworkPolicy",
            "NetworkPolicy-prosody",
            "PodDisruptionBudget",
            "PodMonitor",
            "PrometheusRule",
            "Service",
            "ServiceAccount"
        ]
    );
}

#[test]
fn the_schemas_of_kubernetes_take_them() {
    let validate = prepared("kubernetes-validate").join("bin/kubernetes-validate");
    if !validate.exists() {
        eprintln!(
            "SKIPPED: tests/prepare.sh could not get the schemas, so the manifests are not held to them"
        );
        return;
    }
    let mut command = Command::new(&validate);
    command.arg("--strict").current_dir(file(DIR));
    let manifests = names(&manifest("kustomization.yaml")["resources"]);
    let told = command.args(&manifests).output().unwrap();
    let (stdout, stderr) = super::program::texts(&told);
    assert!(told.status.success(), "{stdout}{stderr}");
    assert_eq!((stdout + &stderr).matches(" passed ").count(), manifests.len());

    // And they would not take just anything.
    let wrong = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(wrong.path(), read("deploy/kubernetes/deployment.yaml").replace("replicas", "replikas"))
        .unwrap();
    assert!(!Command::new(validate).arg("--strict").arg(wrong.path()).output().unwrap().status.success());
}

#[test]
fn what_refers_to_each_other_fits() {
    let resources = resources();
    let deployment = &resources["Deployment"]["spec"];
    let labels = &deployment["template"]["metadata"]["labels"];
    let pod = &deployment["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(&deployment["selector"]["matchLabels"], labels);
    assert_eq!(&resources["Service"]["spec"]["selector"], labels);
    assert_eq!(&resources["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&resources["PodMonitor"]["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(pod["serviceAccountName"], resources["ServiceAccount"]["metadata"]["name"]);

    let port = &container["ports"][0];
    let settings = read("deploy/kubernetes/settings.env");
    assert!(settings.contains(&format!("JIBRI_AUTOSTART_HTTP__LISTEN=0.0.0.0:{}", port["containerPort"])));
    assert_eq!(resources["Service"]["spec"]["ports"][0]["targetPort"], port["name"]);
    assert_eq!(resources["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["port"], port["name"]);
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], port["name"], "{probe}");
        assert_eq!(container[probe]["httpGet"]["path"], "/healthz", "{probe}");
    }
    for mount in container["volumeMounts"].as_array().unwrap() {
        assert!(pod["volumes"].as_array().unwrap().iter().any(|volume| volume["name"] == mount["name"]));
    }

    let kustomization = manifest("kustomization.yaml");
    let generated = [
        (&kustomization["configMapGenerator"], "configMapRef"),
        (&kustomization["secretGenerator"], "secretRef"),
    ];
    for (generator, reference) in generated {
        let source =
            container["envFrom"].as_array().unwrap().iter().find_map(|source| source.get(reference)).unwrap();
        assert_eq!(generator[0]["name"], source["name"]);
    }
    assert_eq!(kustomization["images"][0]["name"], container["image"]);
    assert_eq!(kustomization["images"][0]["newTag"], env!("CARGO_PKG_VERSION"), "never `latest`");
    let ignored = read("deploy/kubernetes/.gitignore");
    assert!(ignored.lines().any(|line| kustomization["secretGenerator"][0]["envs"][0] == line));
}

/// Prosody's pods name the Secret, and kustomize does not put its hash into what it does not apply.
#[test]
fn prosody_can_name_the_secret() {
    let generator = &manifest("kustomization.yaml")["secretGenerator"][0];
    assert_eq!(generator["options"]["disableNameSuffixHash"], true);
    let document = read("docs/install-kubernetes.md");
    let keys = read("deploy/kubernetes/secret.env.example");
    let mut seen = 0;
    for block in yaml(&document) {
        let Some(containers) = block["spec"]["template"]["spec"]["containers"].as_array() else { continue };
        for variable in containers.iter().flat_map(|one| one["env"].as_array().into_iter().flatten()) {
            let Some(secret) = variable["valueFrom"].get("secretKeyRef") else { continue };
            seen += 1;
            assert_eq!(secret["name"], generator["name"]);
            assert!(keys.contains(&format!("\n{}=", secret["key"].as_str().unwrap())), "{secret}");
            assert_eq!(secret["key"], variable["name"], "Prosody's file reads it by the name that we do");
        }
    }
    assert_eq!(seen, 2, "the secret of the link and the token of the events");
}

/// The blocks of YAML in a document.
fn yaml(document: &str) -> impl Iterator<Item = Value> {
    let blocks = document.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| serde_saphyr::from_str(block).unwrap_or_else(|error| panic!("{block}\n{error}")))
}

/// Whom a policy lets in at a port; none: everybody.
fn let_in(policy: &Value, port: u64) -> Option<Vec<Value>> {
    let rules = policy["spec"]["ingress"].as_array().unwrap();
    let is_of = |rule: &&Value| {
        rule["ports"].as_array().unwrap().iter().any(|range| {
            let from = range["port"].as_u64().unwrap();
            range["protocol"] == "TCP" && (from..=range["endPort"].as_u64().unwrap_or(from)).contains(&port)
        })
    };
    let from: Vec<_> = rules.iter().filter(is_of).map(|rule| rule.get("from")).collect();
    assert!(!from.is_empty(), "{port}: nobody is let in");
    from.into_iter()
        .map(|from| from.and_then(Value::as_array).cloned())
        .collect::<Option<Vec<_>>>()
        .map(|from| from.concat())
}

#[test]
fn the_ports_are_open_to_whoever_needs_them() {
    let resources = resources();
    let ours = &resources["Deployment"]["spec"]["selector"]["matchLabels"];
    let (http, prosody) = (&resources["NetworkPolicy"], &resources["NetworkPolicy-prosody"]);
    for policy in [http, prosody] {
        assert_eq!(
            policy["spec"]["policyTypes"],
            serde_json::json!(["Ingress"]),
            "what goes out is not held up"
        );
    }
    assert_eq!(&http["spec"]["podSelector"]["matchLabels"], ours);
    let port =
        &resources["Deployment"]["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"];
    let readers = let_in(http, port.as_u64().unwrap()).expect("not everybody");
    assert_eq!(readers.len(), 3);
    // Prosody's pods have the labels by which its own policy takes them.
    assert!(readers.iter().any(|one| one["podSelector"] == prosody["spec"]["podSelector"]), "{readers:?}");

    let settings = read("deploy/kubernetes/settings.env");
    let component =
        settings.split("JIBRI_AUTOSTART_XMPP__SERVER=prosody:").nth(1).unwrap().lines().next().unwrap();
    let linked = let_in(prosody, component.parse().unwrap()).expect("not everybody");
    assert_eq!(linked, [serde_json::json!({ "podSelector": { "matchLabels": ours } })]);
    // People, bridges, Jicofo and the browsers' BOSH go on as before.
    for port in [1, 5222, 5269, 5280, 5346, 5348, 65535] {
        assert_eq!(let_in(prosody, port), None, "{port}");
    }
}

/// What the document has people type to find the instance that acts, and to examine it.
#[test]
fn the_instance_that_acts_is_found() {
    let document = read("docs/install-kubernetes.md");
    let block = document.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = block.clone().find(|block| block.contains("doctor")).expect("a block");
    // Of the two pods the second has the link.
    let kubectl = r#"
kubectl() {
  case "$*" in
    "get pods "*) printf 'pod/jibri-autostart-a\npod/jibri-autostart-b\n' ;;
    *jibri-autostart-a*healthcheck) return 1 ;;
    *jibri-autostart-b*healthcheck) ;;
    *) echo "$*" ;;
  esac
}
"#;
    let printed = run(Command::new("sh").arg("-euc").arg(format!("{kubectl}{lines}")));
    let asked: Vec<_> = printed.lines().collect();
    assert!(asked.len() > 1 && asked.iter().all(|line| line.contains("pod/jibri-autostart-b")), "{printed}");
}

#[test]
fn two_run_and_one_at_a_time_may_go() {
    let resources = resources();
    assert_eq!(resources["Deployment"]["spec"]["replicas"], 2);
    assert_eq!(resources["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxSurge"], 0);
    assert_eq!(resources["PodDisruptionBudget"]["spec"]["maxUnavailable"], 1);
}

#[test]
fn the_pod_can_do_little() {
    let resources = resources();
    let pod = &resources["Deployment"]["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(resources["ServiceAccount"]["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
    assert!(container["resources"]["limits"]["memory"].is_string());
    let user = pod["securityContext"]["runAsUser"].as_u64().unwrap();
    assert!(read("deploy/docker/Dockerfile").contains(&format!("USER {user}:{user}")));
}

/// The settings and the secret together are all that the program needs.
#[test]
fn its_settings_are_right() {
    let text = read("deploy/kubernetes/settings.env") + &read("deploy/kubernetes/secret.env.example");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut environment: BTreeMap<&str, &str> = lines.map(|line| line.split_once('=').unwrap()).collect();
    for name in ["JIBRI_AUTOSTART_XMPP__SECRET", "JIBRI_AUTOSTART_HTTP__TOKEN"] {
        assert_eq!(environment.insert(name, "s3cret"), Some(""), "no secret is shipped");
    }
    let effective = run(program().arg("check").envs(environment));
    assert!(effective.contains("server = \"prosody:5347\""), "{effective}");
    let effective: toml::Table = effective.parse().unwrap();
    let service = &resources()["Service"]["metadata"]["name"];
    assert!(
        effective["http"]["hosts"].as_array().unwrap().iter().any(|name| name.as_str() == service.as_str()),
        "Prometheus and people may use the name of the Service"
    );
}

#[test]
fn its_alert_rules_are_those_of_prometheus() {
    let rules: Value = serde_saphyr::from_str(&read("deploy/prometheus/rules.yml")).unwrap();
    assert_eq!(resources()["PrometheusRule"]["spec"], rules);
}
