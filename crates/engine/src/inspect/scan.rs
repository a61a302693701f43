//! One pass over an artifact's sections.
//!
//! Only what stands at the outer level counts as import or export; nested modules and components are looked into
//! for producers and for async features only.

use wasmparser::{
    Chunk, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType, ComponentTypeRef,
    InstanceTypeDeclaration, KnownCustom, Parser, Payload,
};

use super::{Interface, Kind, Producer, asyncness};
use crate::errors::LoadError;

/// Nested types are read recursively, and each level needs one of two byte values. A section with more of them than
/// this is not taken apart, so that no artifact can exhaust the stack. Real ones have a few dozen.
const TYPE_NESTING_MAX: usize = 1000;

/// What the pass finds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) name: Option<String>,
    pub(super) imports: Vec<Interface>,
    pub(super) exports: Vec<Interface>,
    pub(super) producers: Vec<Producer>,
    pub(super) uses_async: bool,
}

/// Reads all sections of `wasm`, except for code, which is the largest and says nothing here.
pub(super) fn scan(wasm: &[u8], kind: Kind) -> Result<Found, LoadError> {
    let mut scan = Scan { found: Found::default(), types: Vec::new(), wasm, outer: Vec::new() };
    scan.sections().map_err(|error| damaged(wasm, &error))?;
    let mut found = scan.found;
    if kind == Kind::Module {
        found.imports = grouped(found.imports);
    }
    found.producers.sort_unstable();
    found.producers.dedup();
    Ok(found)
}

struct Scan<'a> {
    found: Found,
    /// Functions of each instance type at the outer level; `None` for other types.
    types: Vec<Option<Vec<String>>>,
    wasm: &'a [u8],
    /// The parsers of the modules and components around the one that is being read.
    outer: Vec<Parser>,
}

impl<'a> Scan<'a> {
    fn sections(&mut self) -> wasmparser::Result<()> {
        let (mut parser, mut at) = (Parser::new(0), 0);
        loop {
            let rest = self.wasm.get(at..).unwrap_or_default();
            let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? else { return Ok(()) };
            at += consumed;
            match payload {
                Payload::ModuleSection { parser: inner, .. }
                | Payload::ComponentSection { parser: inner, .. } => {
                    self.outer.push(std::mem::replace(&mut parser, inner));
                }
                Payload::CodeSectionStart { range, .. } if range.end <= self.wasm.len() => {
                    parser.skip_section();
                    at = range.end;
                }
                Payload::End(_) => match self.outer.pop() {
                    Some(outer) => parser = outer,
                    None => return Ok(()),
                },
                payload => self.section(payload)?,
            }
        }
    }

    fn section(&mut self, payload: Payload<'a>) -> wasmparser::Result<()> {
        match payload {
            Payload::CustomSection(custom) => self.custom(custom.as_known()),
            Payload::ComponentCanonicalSection(section) => self.canonical(section)?,
            Payload::ComponentTypeSection(section) => self.component_types(section)?,
            outer if self.outer.is_empty() => self.outermost(outer)?,
            _ => {}
        }
        Ok(())
    }

    fn outermost(&mut self, payload: Payload<'a>) -> wasmparser::Result<()> {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    self.found.imports.push(interface(import.module, vec![import.name.to_owned()]));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    self.found.exports.push(interface(export?.name, Vec::new()));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(&alias?);
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import?;
                    self.component_import(import.name.name, import.ty);
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.component_export(export.name.name, export.kind);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn component_types(
        &mut self,
        section: wasmparser::ComponentTypeSectionReader<'a>,
    ) -> wasmparser::Result<()> {
        let bytes = self.wasm.get(section.range()).unwrap_or_default();
        if bytes.iter().filter(|&&byte| matches!(byte, 0x41 | 0x42)).count() > TYPE_NESTING_MAX {
            let unread = usize::try_from(section.count()).unwrap_or(usize::MAX).min(bytes.len());
            self.types.extend(std::iter::repeat_n(None, unread));
            return Ok(());
        }
        for ty in section {
            let ty = ty?;
            self.found.uses_async |= asyncness::of_type(&ty);
            if self.outer.is_empty() {
                self.types.push(match ty {
                    ComponentType::Instance(declarations) => Some(functions(&declarations)),
                    _ => None,
                });
            }
        }
        Ok(())
    }

    /// Aliased types take a place in the index space of types.
    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        let is_type = matches!(
            alias,
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. }
                | ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. }
        );
        if is_type {
            self.types.push(None);
        }
    }

    fn component_import(&mut self, name: &str, ty: ComponentTypeRef) {
        let functions = match ty {
            ComponentTypeRef::Instance(index) => {
                self.types.get(index as usize).cloned().flatten().unwrap_or_default()
            }
            ComponentTypeRef::Type(_) => {
                self.types.push(None);
                Vec::new()
            }
            _ => Vec::new(),
        };
        self.found.imports.push(interface(name, functions));
    }

    fn component_export(&mut self, name: &str, kind: ComponentExternalKind) {
        if kind == ComponentExternalKind::Type {
            self.types.push(None);
        }
        self.found.exports.push(interface(name, Vec::new()));
    }

    /// Producers of all levels; the name of the outer level only.
    fn custom(&mut self, custom: KnownCustom<'a>) {
        match custom {
            KnownCustom::Producers(section) => self.producers(section),
            KnownCustom::Name(section) if self.outer.is_empty() => {
                for name in section.into_iter().flatten() {
                    if let wasmparser::Name::Module { name, .. } = name {
                        self.found.name = Some(name.to_owned());
                    }
                }
            }
            KnownCustom::ComponentName(section) if self.outer.is_empty() => {
                for name in section.into_iter().flatten() {
                    if let wasmparser::ComponentName::Component { name, .. } = name {
                        self.found.name = Some(name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }

    /// A damaged `producers` section is only a comment that cannot be read: it is left out.
    fn producers(&mut self, section: wasmparser::ProducersSectionReader<'a>) {
        for field in section.into_iter().flatten() {
            for value in field.values.into_iter().flatten() {
                self.found.producers.push(Producer {
                    field: field.name.to_owned(),
                    name: value.name.to_owned(),
                    version: value.version.to_owned(),
                });
            }
        }
    }

    fn canonical(
        &mut self,
        section: wasmparser::ComponentCanonicalSectionReader<'a>,
    ) -> wasmparser::Result<()> {
        for function in section {
            self.found.uses_async |= asyncness::of_function(&function?);
        }
        Ok(())
    }
}

fn functions(declarations: &[InstanceTypeDeclaration<'_>]) -> Vec<String> {
    declarations
        .iter()
        .filter_map(|declaration| match declaration {
            InstanceTypeDeclaration::Export { name, ty: ComponentTypeRef::Func(_) } => {
                Some(name.name.to_owned())
            }
            _ => None,
        })
        .collect()
}

fn interface(name: &str, functions: Vec<String>) -> Interface {
    Interface { name: name.to_owned(), functions }
}

/// One entry per imported module, its functions gathered, in order of first appearance.
fn grouped(imports: Vec<Interface>) -> Vec<Interface> {
    let mut grouped: Vec<Interface> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for import in imports {
        match places.get(&import.name) {
            Some(&place) => {
                let known: &mut Interface = &mut grouped[place];
                known.functions.extend(import.functions);
            }
            None => {
                places.insert(import.name.clone(), grouped.len());
                grouped.push(import);
            }
        }
    }
    grouped
}

/// A section that ends beyond the file's end, or is missing at it, means that the file was cut off.
fn damaged(wasm: &[u8], error: &wasmparser::BinaryReaderError) -> LoadError {
    let message = error.to_string();
    match ["unexpected end", "extends past end", "code section is absent"]
        .iter()
        .any(|cut| message.contains(cut))
    {
        true => LoadError::Truncated { bytes: wasm.len() },
        false => LoadError::Malformed(message),
    }
}
