//! From files to settings: reads `gateway.yaml` and its policies, and reports the faults of all of them together.

use super::faults::{Fault, Faults, Place};
use super::files::{SourceFile, hash_of, list_yaml, read_bounded};
use super::gateway;
use super::packs;
use super::policies;
use super::reader::Reader;
use super::references::Resolver;
use super::settings::{Gateway, Pack, Policy};
use super::source::Source;
use super::tree::{self, Node, Value};
use crate::model::RuleId;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Largest YAML file.
const MAX_YAML_BYTES: u64 = 4 << 20;

/// Most files of a policies directory.
const MAX_POLICY_FILES: usize = 256;

/// A configuration that holds together.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// `gateway.yaml`.
    pub gateway: Gateway,
    /// Policies, sorted by file name.
    pub policies: Vec<Policy>,
    /// Signature packs, sorted by file name.
    pub packs: Vec<Pack>,
    /// Every file that was read, also schemas, certificates and files behind `${file:…}`; sorted.
    pub files: Vec<SourceFile>,
    /// The folder that policies and packs were read from.
    pub policies_directory: PathBuf,
    /// SHA-256 over the files' names (relative to the gateway file) and contents.
    pub hash: [u8; 32],
}

/// The process's environment, for [`load`]. A variable that is not Unicode counts as unset.
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Loads `gateway.yaml`, the policies and packs beside it and every file that they name.
///
/// # Errors
/// All faults of all files, sorted; [`Faults::any_unreadable`] tells those that could not be read.
pub fn load(gateway_yaml: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Faults> {
    let base = gateway_yaml.parent().unwrap_or(Path::new(""));
    let mut load = Load::default();
    let Some((source, root)) = load.open(gateway_yaml) else { return Err(Faults::new(load.faults)) };
    let resolver = Resolver::new(env, base);
    let mut reader = Reader::new(&source, Some(&resolver));
    let directory = match gateway::policies_directory(&mut reader, &root) {
        Some((written, place)) => (base.join(written), Some(place)),
        None => (base.join("policies"), None),
    };
    load.read_policies(&directory.0, directory.1, gateway_yaml);
    let policy_names: Vec<String> =
        load.declared.iter().filter(|(kind, _)| kind.0 == "policy").map(|(kind, _)| kind.1.clone()).collect();
    let known_policies = Some(policy_names.as_slice()).filter(|_| !load.some_file_is_broken);
    let read = gateway::read(&mut reader, &root, &resolver, known_policies);
    let mut faults = reader.faults;
    source.excerpt(&mut faults);
    load.faults.append(&mut faults);
    load.files.append(&mut resolver.into_files());
    match read {
        Some(gateway) if load.faults.is_empty() => {
            let hash = hash_of(base, &mut load.files);
            Ok(Loaded {
                gateway,
                policies: load.policies,
                packs: load.packs,
                files: load.files,
                policies_directory: directory.0,
                hash,
            })
        }
        _ => Err(Faults::new(load.faults)),
    }
}

/// Loads a folder of policies and packs alone, for commands that judge texts without a gateway.
///
/// # Errors
/// All faults of all files, as [`load`] has it.
pub fn load_policies(directory: &Path) -> Result<(Vec<Policy>, Vec<Pack>), Faults> {
    let mut load = Load::default();
    load.read_policies(directory, None, directory);
    if load.faults.is_empty() { Ok((load.policies, load.packs)) } else { Err(Faults::new(load.faults)) }
}

/// What has been read so far.
#[derive(Default)]
struct Load {
    policies: Vec<Policy>,
    packs: Vec<Pack>,
    files: Vec<SourceFile>,
    faults: Vec<Fault>,
    /// Kind and name of policies and packs, with the place of the first.
    declared: HashMap<(&'static str, String), String>,
    /// Ids of signatures, with the place of the first.
    signatures: HashMap<RuleId, String>,
    /// Whether a policy file is so broken that its name is not known.
    some_file_is_broken: bool,
}

impl Load {
    /// Reads a file into a tree; its faults are kept.
    fn open(&mut self, path: &Path) -> Option<(Source, Node)> {
        let content = match read_bounded(path, MAX_YAML_BYTES) {
            Ok(content) => content,
            Err(error) => {
                self.faults.push(Fault::unreadable(path, format!("cannot be read: {error}")));
                return None;
            }
        };
        self.files.push(SourceFile::of(path, &content));
        let text = match String::from_utf8(content) {
            Ok(text) => text,
            Err(error) => {
                let place = Source::place_of_byte(error.as_bytes(), error.utf8_error().valid_up_to());
                self.faults.push(Fault::at(path, place, "the file is not UTF-8 text".to_owned()));
                return None;
            }
        };
        let mut source = Source::new(path.to_owned(), text);
        let (root, mut faults) = tree::parse(&source);
        if let Some(root) = &root {
            source.hide_secret_values(root);
        }
        source.excerpt(&mut faults);
        self.faults.append(&mut faults);
        root.map(|root| (source, root))
    }

    fn read_policies(&mut self, directory: &Path, written_at: Option<Place>, gateway_yaml: &Path) {
        let listing = match list_yaml(directory) {
            Ok(listing) => listing,
            Err(error) => {
                let message = format!("the policies directory `{}` cannot be read: {error}", directory.display());
                let mut fault = Fault::at(gateway_yaml, written_at.unwrap_or(Place::FILE), message);
                fault.help = Some("it stands beside gateway.yaml, or where the key `policies` says".to_owned());
                self.faults.push(fault);
                self.some_file_is_broken = true;
                return;
            }
        };
        for path in listing.misnamed {
            self.faults.push(Fault::at(
                path,
                Place::FILE,
                "this file would not be read: rename it to `.yaml`".to_owned(),
            ));
        }
        if listing.yaml.len() > MAX_POLICY_FILES {
            let message = format!("`{}` holds more than {MAX_POLICY_FILES} files", directory.display());
            self.faults.push(Fault::at(gateway_yaml, written_at.unwrap_or(Place::FILE), message));
        }
        for path in listing.yaml.into_iter().take(MAX_POLICY_FILES) {
            self.read_policy_file(&path);
        }
    }

    fn read_policy_file(&mut self, path: &Path) {
        let Some((source, root)) = self.open(path) else {
            self.some_file_is_broken = true;
            return;
        };
        let mut reader = Reader::new(&source, None);
        self.read_policy_or_pack(&mut reader, &root);
        let mut faults = reader.faults;
        source.excerpt(&mut faults);
        self.faults.append(&mut faults);
    }

    fn read_policy_or_pack(&mut self, r: &mut Reader<'_>, root: &Node) {
        let Some(mut fields) = r.map(root, "a file of policies") else {
            self.some_file_is_broken = true;
            return;
        };
        let written =
            |key: &str| matches!(&root.value, Value::Map(entries) if entries.iter().any(|entry| entry.key == key));
        let kind = match (written("policy"), written("pack")) {
            (true, false) => "policy",
            (false, true) => "pack",
            (true, true) => {
                r.fault(fields.key_place("pack"), "one file holds a `policy` or a `pack`, not both");
                self.some_file_is_broken = true;
                return;
            }
            (false, false) => {
                let help = "begin with `policy: name` (rules) or `pack: name` (signatures)";
                r.fault_with_help(fields.place(), "neither `policy` nor `pack` is written in this file", help);
                self.some_file_is_broken = true;
                return;
            }
        };
        let name = fields.get(kind).and_then(|node| Some((r.name(node, &format!("`{kind}`"))?, node.place)));
        let name = match name {
            Some((name, place)) => {
                self.declare(r, kind, &name, place);
                name
            }
            // Reported; the rest is read all the same.
            None => {
                self.some_file_is_broken = true;
                String::new()
            }
        };
        if kind == "policy" {
            self.policies.push(policies::read(r, fields, name));
        } else {
            let (pack, ids) = packs::read(r, fields, name);
            self.packs.push(pack);
            ids.into_iter().for_each(|(id, place)| self.declare_signature(r, id, place));
        }
    }

    fn declare(&mut self, r: &mut Reader<'_>, kind: &'static str, name: &str, place: Place) {
        let here = written_at(&r.source.path, place);
        match self.declared.get(&(kind, name.to_owned())) {
            Some(first) => r.fault(place, format!("a second {kind} is called `{name}`; the first is at {first}")),
            None => {
                self.declared.insert((kind, name.to_owned()), here);
            }
        }
    }

    fn declare_signature(&mut self, r: &mut Reader<'_>, id: RuleId, place: Place) {
        match self.signatures.get(&id) {
            Some(first) => r.fault(place, format!("a second signature has the id `{id}`; the first is at {first}")),
            None => {
                self.signatures.insert(id, written_at(&r.source.path, place));
            }
        }
    }
}

/// `name.yaml:3`, for messages.
fn written_at(path: &Path, place: Place) -> String {
    let name = path.file_name().map_or_else(PathBuf::new, PathBuf::from);
    format!("{}:{}", name.display(), place.line)
}
