//! Words that say what a number is: all in one automaton, looked for in the stretch before a number whose form fits.

use super::kinds::Kind::{self, *};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::OnceLock;

/// How far before a number a word may say what it is, in bytes.
const CONTEXT: usize = 48;

const WORDS: &[(Kind, &[&str])] = &[
    (
        DateOfBirth,
        &[
            "date of birth",
            "birth date",
            "birthdate",
            "birthday",
            "dob",
            "d.o.b",
            "date_of_birth",
            "dateofbirth",
            "birth_date",
            "i was born",
            "geburtsdatum",
            "geboren am",
            "geb. am",
            "né le",
            "née le",
            "date de naissance",
            "nacido el",
            "nacida el",
            "fecha de nacimiento",
            "data di nascita",
            "nato il",
            "nata il",
            "data de nascimento",
            "geboortedatum",
            "födelsedatum",
            "fødselsdato",
            "data urodzenia",
            "дата рождения",
            "Дата рождения",
            "doğum tarihi",
            "出生日期",
            "生年月日",
            "생년월일",
        ],
    ),
    (
        Passport,
        &[
            "passport",
            "reisepass",
            "passeport",
            "pasaporte",
            "passaporto",
            "passaporte",
            "paspoort",
            "паспорт",
            "Паспорт",
            "护照",
            "パスポート",
            "여권",
        ],
    ),
    (
        DriversLicence,
        &[
            "driver's license",
            "drivers license",
            "driver license",
            "driver's licence",
            "drivers licence",
            "driving licence",
            "driving license",
            "driver_license",
            "drivers_license",
            "license number is",
            "führerschein",
            "permis de conduire",
            "patente di guida",
            "permiso de conducir",
            "licencia de conducir",
            "rijbewijs",
        ],
    ),
    (Ethereum, &["ethereum", "eth", "wallet", "metamask", "erc-20", "erc20", "usdt", "usdc"]),
    (UsItin, &["itin", "taxpayer identification", "taxpayer id"]),
    (UsEin, &["ein", "employer identification", "federal tax id", "employer id", "tax id"]),
    (UsRouting, &["routing", "aba", "rtn", "transit number"]),
    (UsMbi, &["mbi", "medicare"]),
    (UkNino, &["nino", "national insurance", "ni number"]),
    (UkNhs, &["nhs"]),
    (
        DeTaxId,
        &[
            "steuer-id",
            "steuerid",
            "steueridentifikationsnummer",
            "steuer-identifikationsnummer",
            "steuernummer",
            "idnr",
            "id-nr",
            "tin",
            "tax id",
        ],
    ),
    (DeIdCard, &["personalausweis", "ausweisnummer", "ausweis-nr", "ausweisnr", "perso"]),
    (FrNir, &["sécurité sociale", "securite sociale", "numéro de sécu", "nir", "insee", "carte vitale"]),
    (EsDni, &["dni", "nif", "documento nacional"]),
    (EsNie, &["nie", "extranjero"]),
    (ItFiscalCode, &["codice fiscale"]),
    (PtNif, &["nif", "contribuinte", "número fiscal", "numero fiscal"]),
    (NlBsn, &["bsn", "burgerservicenummer", "sofinummer", "sofi-nummer"]),
    (
        BeNational,
        &[
            "rijksregister",
            "registre national",
            "numéro national",
            "numero national",
            "insz",
            "niss",
            "nationaal nummer",
            "nationalregister",
        ],
    ),
    (PlPesel, &["pesel"]),
    (SePersonnummer, &["personnummer", "samordningsnummer", "pnr", "person-nr"]),
    (NoFodselsnummer, &["fødselsnummer", "fodselsnummer", "personnummer", "d-nummer", "fnr"]),
    (DkCpr, &["cpr", "personnummer"]),
    (FiHetu, &["hetu", "henkilötunnus", "henkilotunnus"]),
    (ChAhv, &["ahv", "avs", "sozialversicherungsnummer"]),
    (AtSvnr, &["svnr", "sv-nr", "sv-nummer", "svnummer", "sozialversicherungsnummer", "versicherungsnummer"]),
    (BrCpf, &["cpf"]),
    (BrCnpj, &["cnpj"]),
    (ArCuit, &["cuit", "cuil"]),
    (ClRut, &["rut", "run"]),
    (MxCurp, &["curp"]),
    (MxRfc, &["rfc"]),
    (InAadhaar, &["aadhaar", "aadhar", "adhaar", "uidai", "आधार"]),
    (InPan, &["pan", "permanent account"]),
    (CnResidentId, &["身份证", "身分證", "resident id", "id card"]),
    (KrRrn, &["주민등록번호", "주민번호", "rrn", "resident registration"]),
    (JpMyNumber, &["マイナンバー", "個人番号", "my number", "mynumber"]),
    (SgNric, &["nric", "fin"]),
    (TrTckn, &["tc kimlik", "t.c. kimlik", "tckn", "kimlik no", "tc no"]),
    (ZaId, &["id number", "identity number", "south african id", "sa id", "rsa id", "id no"]),
    (IlTeudatZehut, &["teudat zehut", "teudat-zehut", "תעודת זהות", "ת.ז", "ת״ז", "israeli id", "id number"]),
    (AuTfn, &["tfn", "tax file"]),
    (AuMedicare, &["medicare"]),
    (CaSin, &["sin", "social insurance", "nas", "assurance sociale"]),
    (NzIrd, &["ird", "inland revenue"]),
    (RuInn, &["инн", "ИНН", "inn"]),
    (RuSnils, &["снилс", "СНИЛС", "snils"]),
];

struct Automaton {
    words: AhoCorasick,
    /// Which kind each word tells of, and its length.
    kinds: Vec<Kind>,
}

/// The kinds that words in the stretch before `at` tell of, one bit each. If the automaton cannot be built, all: a number too many
/// is cut, not one too few.
pub(super) fn told_before(bytes: &[u8], at: usize) -> Told {
    static AUTOMATON: OnceLock<Option<Automaton>> = OnceLock::new();
    let build = || {
        let pairs = || WORDS.iter().flat_map(|(kind, words)| words.iter().map(|word| (*kind, *word)));
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(pairs().map(|(_, word)| word))
            .ok()?;
        Some(Automaton { words, kinds: pairs().map(|(kind, _)| kind).collect() })
    };
    let Some(automaton) = AUTOMATON.get_or_init(build) else { return Told(u64::MAX) };
    let from = at.saturating_sub(CONTEXT);
    let window = bytes.get(from..at).unwrap_or(b"");
    let found = automaton.words.find_overlapping_iter(window).filter(|hit| is_word(window, hit.range()));
    Told(found.fold(0, |told, hit| told | automaton.kinds.get(hit.pattern().as_usize()).map_or(0, |kind| bit(*kind))))
}

/// Kinds that the words before a number tell of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told(u64);

impl Told {
    pub(super) fn of(self, kind: Kind) -> bool {
        self.0 & bit(kind) != 0
    }
}

fn bit(kind: Kind) -> u64 {
    1_u64.checked_shl(u32::try_from(kind as usize).unwrap_or(u32::MAX)).unwrap_or(0)
}

/// Words of ASCII letters stand on their own: `sin` is not in `using`. In `taxFileNumber` and `user_ssn` a word begins too.
fn is_word(window: &[u8], at: std::ops::Range<usize>) -> bool {
    let word = window.get(at.clone()).unwrap_or(b"");
    if !word.is_ascii() {
        return true;
    }
    let begins = at
        .start
        .checked_sub(1)
        .and_then(|before| window.get(before))
        .is_none_or(|before| !before.is_ascii_alphabetic());
    let ends = window.get(at.end).is_none_or(|next| !next.is_ascii_alphabetic());
    begins && (ends || word.len() > 6)
}
