//! National numbers of nothing but digits: the forms in which they are written, their check digits, and how sure one is with
//! and without a word that says what they are.

use super::kinds::Kind::{self, *};
use super::numbers::{Group, Run, continues, digits_of, goes_on};
use super::told::{Told, told_before};
use super::{Hit, checks};

/// A written form: lengths of groups and the signs between (`3.3.3-2`); `_` is a space, a dash or a dot.
struct Form {
    kind: Kind,
    written: &'static str,
    /// Length of the first group, which rules most forms out at once.
    first: usize,
    check: fn(&[u8]) -> bool,
    /// Score without a word before it; 0 for none.
    alone: f32,
    /// Score behind a word that says what it is.
    told: f32,
}

const fn form(kind: Kind, written: &'static str, check: fn(&[u8]) -> bool, alone: f32, told: f32) -> Form {
    let first = match written.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => (*tens - b'0') as usize * 10 + (*ones - b'0') as usize,
        [ones @ b'0'..=b'9', ..] => (*ones - b'0') as usize,
        _ => 0,
    };
    Form { kind, written, first, check, alone, told }
}

/// Fewest digits of any form: shorter runs are not compared.
const LEAST_DIGITS: usize = 8;

const FORMS: &[Form] = &[
    form(BrCpf, "3.3.3-2", checks::br_cpf, 0.9, 0.95),
    form(BrCpf, "11", checks::br_cpf, 0.0, 0.95),
    form(BrCpf, "9-2", checks::br_cpf, 0.6, 0.95),
    form(BrCnpj, "2.3.3/4-2", checks::br_cnpj, 0.95, 0.97),
    form(BrCnpj, "14", checks::br_cnpj, 0.0, 0.95),
    form(ClRut, "2.3.3-1", checks::cl_rut, 0.9, 0.95),
    form(ClRut, "1.3.3-1", checks::cl_rut, 0.85, 0.95),
    form(ClRut, "8-1", checks::cl_rut, 0.0, 0.9),
    form(ClRut, "7-1", checks::cl_rut, 0.0, 0.9),
    form(ArCuit, "2-8-1", checks::ar_cuit, 0.85, 0.95),
    form(ArCuit, "11", checks::ar_cuit, 0.0, 0.95),
    form(ChAhv, "3.4.4.2", checks::ch_ahv, 0.95, 0.97),
    form(ChAhv, "13", checks::ch_ahv, 0.7, 0.95),
    form(BeNational, "2.2.2-3.2", checks::be_national, 0.95, 0.97),
    form(BeNational, "6-3_2", checks::be_national, 0.8, 0.95),
    form(BeNational, "11", checks::be_national, 0.0, 0.95),
    form(RuSnils, "3-3-3 2", checks::ru_snils, 0.9, 0.95),
    form(RuSnils, "3-3-3-2", checks::ru_snils, 0.85, 0.95),
    form(RuSnils, "11", checks::ru_snils, 0.0, 0.95),
    form(RuInn, "10", checks::ru_inn, 0.0, 0.9),
    form(RuInn, "12", checks::ru_inn, 0.0, 0.95),
    form(CnResidentId, "18", checks::cn_resident_id, 0.9, 0.97),
    form(FrNir, "1 2 2 2 3 3 2", checks::fr_nir, 0.95, 0.97),
    form(FrNir, "13 2", checks::fr_nir, 0.8, 0.97),
    form(FrNir, "15", checks::fr_nir, 0.7, 0.97),
    form(KrRrn, "6-7", checks::kr_rrn, 0.85, 0.95),
    form(KrRrn, "6-7", checks::kr_rrn_drawn, 0.0, 0.9),
    form(KrRrn, "13", checks::kr_rrn_drawn, 0.0, 0.85),
    form(NoFodselsnummer, "6 5", checks::no_fodselsnummer, 0.85, 0.97),
    form(NoFodselsnummer, "11", checks::no_fodselsnummer, 0.0, 0.95),
    form(SePersonnummer, "6-4", checks::se_personnummer_no_time, 0.7, 0.95),
    form(SePersonnummer, "8-4", checks::se_personnummer_no_time, 0.7, 0.95),
    form(SePersonnummer, "6-4", checks::se_personnummer, 0.4, 0.95),
    form(SePersonnummer, "8-4", checks::se_personnummer, 0.4, 0.95),
    form(SePersonnummer, "10", checks::se_personnummer, 0.0, 0.9),
    form(SePersonnummer, "12", checks::se_personnummer, 0.0, 0.9),
    form(DkCpr, "6-4", checks::dk_cpr, 0.0, 0.9),
    form(DkCpr, "10", checks::dk_cpr, 0.0, 0.85),
    form(InAadhaar, "4_4_4", checks::in_aadhaar, 0.75, 0.95),
    form(InAadhaar, "12", checks::in_aadhaar, 0.0, 0.95),
    form(JpMyNumber, "4_4_4", checks::jp_my_number, 0.0, 0.95),
    form(JpMyNumber, "12", checks::jp_my_number, 0.0, 0.95),
    form(UsItin, "3-2-4", checks::us_itin, 0.8, 0.95),
    form(UsItin, "9", checks::us_itin, 0.0, 0.9),
    form(UsEin, "2-7", checks::us_ein, 0.0, 0.9),
    form(UsRouting, "9", checks::us_routing, 0.0, 0.9),
    form(UkNhs, "3_3_4", checks::uk_nhs, 0.0, 0.95),
    form(UkNhs, "10", checks::uk_nhs, 0.0, 0.95),
    form(DeTaxId, "11", checks::de_tax_id, 0.0, 0.95),
    form(DeTaxId, "2 3 3 3", checks::de_tax_id, 0.75, 0.95),
    form(PtNif, "9", checks::pt_nif, 0.0, 0.9),
    form(PtNif, "3 3 3", checks::pt_nif, 0.0, 0.9),
    form(NlBsn, "9", checks::nl_bsn, 0.0, 0.95),
    form(NlBsn, "4_2_3", checks::nl_bsn, 0.0, 0.95),
    form(NlBsn, "3_3_3", checks::nl_bsn, 0.0, 0.95),
    form(PlPesel, "11", checks::pl_pesel, 0.0, 0.95),
    form(AtSvnr, "4_6", checks::at_svnr, 0.0, 0.95),
    form(AtSvnr, "10", checks::at_svnr, 0.0, 0.95),
    form(TrTckn, "11", checks::tr_tckn, 0.0, 0.95),
    form(ZaId, "13", checks::za_id, 0.0, 0.95),
    form(ZaId, "6 4 2 1", checks::za_id, 0.8, 0.95),
    form(ZaId, "6 4 3", checks::za_id, 0.75, 0.95),
    form(IlTeudatZehut, "9", checks::luhn, 0.0, 0.85),
    form(IlTeudatZehut, "8-1", checks::luhn, 0.0, 0.85),
    form(AuTfn, "3_3_3", checks::au_tfn, 0.0, 0.95),
    form(AuTfn, "9", checks::au_tfn, 0.0, 0.95),
    form(AuTfn, "8", checks::au_tfn, 0.0, 0.85),
    form(AuMedicare, "4_5_1", checks::au_medicare, 0.75, 0.95),
    form(AuMedicare, "10", checks::au_medicare, 0.0, 0.95),
    form(AuMedicare, "11", checks::au_medicare, 0.0, 0.95),
    form(CaSin, "3_3_3", checks::ca_sin, 0.0, 0.95),
    form(CaSin, "9", checks::ca_sin, 0.0, 0.95),
    form(NzIrd, "2_3_3", checks::nz_ird, 0.0, 0.9),
    form(NzIrd, "3_3_3", checks::nz_ird, 0.0, 0.9),
    form(NzIrd, "8", checks::nz_ird, 0.0, 0.85),
    form(NzIrd, "9", checks::nz_ird, 0.0, 0.9),
    form(Passport, "9", checks::any, 0.0, 0.85),
    form(Passport, "8", checks::any, 0.0, 0.75),
    form(Passport, "4 6", checks::any, 0.0, 0.85),
    form(DriversLicence, "8", checks::any, 0.0, 0.75),
    form(DriversLicence, "9", checks::any, 0.0, 0.75),
    form(DriversLicence, "3_3_3", checks::any, 0.0, 0.75),
];

/// The national number that a run is, if any: those that a word before it speaks of first.
pub(super) fn national_id(bytes: &[u8], run: &Run) -> Option<Hit> {
    let groups = run.groups();
    let first = *groups.first()?;
    let total: usize = groups.iter().map(Group::len).sum();
    if total < LEAST_DIGITS || !run.fresh || run.plus || continues(bytes, first.start) {
        return None;
    }
    let mut told: Option<Told> = None;
    let mut best: Option<Hit> = None;
    for form in FORMS.iter().filter(|form| form.first == first.len()) {
        let Some(count) = fits(form.written, groups) else { continue };
        let parts = groups.get(..count)?;
        let end = parts.last()?.end;
        if goes_on(bytes, end) || is_longer(groups, count) || !checked(bytes, parts, form.check) {
            continue;
        }
        let is_told = told.get_or_insert_with(|| told_before(bytes, first.start)).of(form.kind);
        let score = if is_told { form.told } else { form.alone };
        if score > best.as_ref().map_or(0.0, |best| best.score) {
            best = Some(Hit { kind: form.kind, span: first.start..end, score });
        }
    }
    best
}

/// Whether the groups go on behind a form in the way in which its own parts follow each other.
fn is_longer(groups: &[Group], count: usize) -> bool {
    let Some(next) = groups.get(count) else { return false };
    let own = count.checked_sub(1).filter(|last| *last > 0).and_then(|last| groups.get(last));
    own.is_some_and(|own| own.separator == next.separator) || matches!(next.separator, b'-' | b'.' | b'/')
}

fn checked(bytes: &[u8], parts: &[Group], check: fn(&[u8]) -> bool) -> bool {
    let mut digits = [0u8; 24];
    let mut count = 0;
    for (slot, digit) in digits.iter_mut().zip(digits_of(bytes, parts)) {
        *slot = digit;
        count += 1;
    }
    digits.get(..count).is_some_and(check)
}

/// How many groups a form takes, if the groups begin as it says.
fn fits(written: &str, groups: &[Group]) -> Option<usize> {
    let mut count = 0;
    let mut wanted = 0;
    let mut sign = 0u8;
    let take = |count: usize, wanted: usize, sign: u8| {
        let group = groups.get(count)?;
        let signed = match sign {
            0 => count == 0,
            b'_' => matches!(group.separator, b' ' | b'-' | b'.'),
            sign => group.separator == sign,
        };
        (group.len() == wanted && signed).then_some(())
    };
    for byte in written.bytes() {
        if byte.is_ascii_digit() {
            wanted = wanted * 10 + usize::from(byte - b'0');
        } else {
            take(count, wanted, sign)?;
            (count, wanted, sign) = (count + 1, 0, byte);
        }
    }
    take(count, wanted, sign)?;
    Some(count + 1)
}
