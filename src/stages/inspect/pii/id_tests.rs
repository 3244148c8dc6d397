//! National numbers: examples that must be found, and near misses. Numbers are public specimens or computed here by the published
//! method from made-up beginnings.

use super::kinds::Kind::{self, *};
use super::*;

fn seen(text: &str) -> Vec<(Kind, String, f32)> {
    let mut out = Vec::new();
    Pii::compile().scan(text, &mut out);
    out.iter()
        .map(|found| {
            let kind = KINDS.iter().find(|kind| kind.rule() == found.rule.as_str()).expect("a kind");
            (*kind, text[found.span.clone()].to_owned(), found.score)
        })
        .collect()
}

/// Frames: the word before it, and numbers that stand there whole, at a score that the default policy acts on.
fn found(kind: Kind, word: &str, numbers: &[&str]) {
    for number in numbers {
        for text in [
            format!("{word}{number}"),
            format!("x. {word}{number}, and so on"),
            format!("{{\"k\": \"{word}{number}\"}}"),
        ] {
            let seen = seen(&text);
            assert!(
                seen.iter().any(|(k, value, score)| *k == kind && value == number && *score >= 0.5),
                "{text}: {seen:?}"
            );
        }
    }
}

/// Texts in which nothing of this kind may be believed.
fn not(kind: Kind, texts: &[&str]) {
    for text in texts {
        let seen = seen(text);
        assert!(!seen.iter().any(|(k, _, score)| *k == kind && *score >= 0.5), "{text}: {seen:?}");
    }
}

#[test]
fn european_numbers_are_found_by_their_check_digits() {
    found(UkNino, "", &["AB123456C", "JG103759A", "AB 12 34 56 C"]);
    not(UkNino, &["BG123456C", "AB123456E", "DA123456A", "xAB123456C", "AB123456C1", "id-AB123456C-1"]);
    found(UkNhs, "NHS number: ", &["943 476 5919", "9434765919", "4010232137"]);
    not(UkNhs, &["NHS number: 943 476 5918", "943 476 5919", "NHS 1234567890", "9434765919"]);
    found(DeTaxId, "Steuer-ID: ", &["86095742719", "47036892816", "65929970489"]);
    not(DeTaxId, &["Steuer-ID: 86095742718", "86095742719", "Steuer-ID: 11111111111", "Steuer-ID: 12345678901"]);
    found(DeIdCard, "Personalausweis ", &["L01X00T471", "T220001293"]);
    not(DeIdCard, &["Personalausweis L01X00T472", "L01X00T471", "Personalausweis L01A00T471"]);
    found(FrNir, "", &["255081416802538", "2 55 08 14 168 025 38", "1 85 05 78 006 084 91", "2 84 05 2A 451 089 65"]);
    not(FrNir, &["255081416802539", "2 55 08 14 168 025 39", "355131416802538", "2 84 05 2A 451 089 66"]);
    found(EsDni, "", &["12345678Z", "00000001R", "99999999R"]);
    not(EsDni, &["12345678A", "12345678z", "A12345678Z", "20240117Z"]);
    found(EsNie, "", &["X1234567L", "Y1234567X", "Z1234567R"]);
    not(EsNie, &["X1234567A", "W1234567L", "X12345678L"]);
    found(ItFiscalCode, "", &["RSSMRA85T10A562S", "MRTMTT25D09F205Z", "MLLSNT82P65Z404U"]);
    not(ItFiscalCode, &["RSSMRA85T10A562T", "RSSMRA85X10A562S", "RSSMRA85T10A56S"]);
    found(PtNif, "NIF ", &["501442600", "123456789", "501 442 600"]);
    not(PtNif, &["NIF 501442601", "501442600", "NIF 401442600"]);
    found(NlBsn, "BSN: ", &["111222333", "123456782", "1234.56.782"]);
    not(NlBsn, &["BSN: 111222334", "123456782", "order 111222333"]);
    found(BeNational, "", &["85.07.30-033.28", "17.07.30-033.84"]);
    found(BeNational, "rijksregisternummer ", &["85073003328", "17073003384"]);
    not(BeNational, &["85.07.30-033.29", "85073003328", "85.13.30-033.28"]);
    found(PlPesel, "PESEL ", &["44051401359", "02070803628", "02270803624"]);
    not(PlPesel, &["PESEL 44051401358", "44051401359", "PESEL 44131401359"]);
    found(SePersonnummer, "", &["811228-9874", "19811228-9874", "670919-9530"]);
    found(SePersonnummer, "personnummer ", &["8112289874"]);
    not(SePersonnummer, &["811228-9875", "8112289874", "811328-9874", "240115-1039"]);
    found(NoFodselsnummer, "fødselsnummer ", &["01010750160", "010107 50160"]);
    not(NoFodselsnummer, &["fødselsnummer 01010750161", "01010750160", "fødselsnummer 41130750160"]);
    found(DkCpr, "CPR-nr. ", &["211062-5629", "2110625629"]);
    not(DkCpr, &["211062-5629", "CPR-nr. 211362-5629", "CPR-nr. 21106-5629"]);
    found(FiHetu, "", &["131052-308T", "131052A308T", "010594Y9032"]);
    not(FiHetu, &["131052-308U", "131352-308T", "131052*308T", "1131052-308T"]);
    found(ChAhv, "", &["756.9217.0769.85", "7569217076985", "756.1234.5678.97"]);
    not(ChAhv, &["756.9217.0769.86", "755.9217.0769.85", "4006381333931"]);
    found(AtSvnr, "SVNR ", &["1237 010180", "1237010180"]);
    not(AtSvnr, &["SVNR 1238 010180", "1237 010180", "SVNR 1237 011380"]);
}

#[test]
fn american_numbers_are_found_by_their_check_digits() {
    found(BrCpf, "", &["529.982.247-25", "111.444.777-35"]);
    found(BrCpf, "CPF: ", &["52998224725", "11144477735"]);
    not(BrCpf, &["529.982.247-26", "52998224725", "111.111.111-11"]);
    found(BrCnpj, "", &["11.222.333/0001-81", "11.444.777/0001-61"]);
    found(BrCnpj, "CNPJ ", &["11222333000181"]);
    not(BrCnpj, &["11.222.333/0001-82", "11222333000181", "11.111.111/1111-11"]);
    found(ArCuit, "", &["20-12345678-6", "30-50001091-2"]);
    found(ArCuit, "CUIT ", &["20123456786"]);
    not(ArCuit, &["20-12345678-7", "22-12345678-6", "20123456786"]);
    found(ClRut, "", &["12.345.678-5", "7.654.321-6"]);
    found(ClRut, "RUT: ", &["12345678-5", "1000005-K", "1.000.005-K"]);
    not(ClRut, &["12.345.678-6", "12345678-5", "1.000.004-K"]);
    found(MxCurp, "", &["HEGG560427MVZRRL04", "BOXW310820HNERXN09"]);
    not(MxCurp, &["HEGG560427MVZRRL05", "HEGG561327MVZRRL04", "HEGG560427ZVZRRL04"]);
    found(MxRfc, "", &["GODE561231GR8"]);
    not(MxRfc, &["GODE561331GR8", "GODE561231GR7", "GODE561231GR81"]);
    found(CaSin, "SIN: ", &["130 692 544", "130692544", "193-456-787"]);
    not(CaSin, &["SIN: 130 692 545", "130692544", "using 130692544", "SIN: 830 692 544"]);
    found(UsItin, "", &["900-70-0000", "999-88-1234"]);
    found(UsItin, "ITIN ", &["900700001"]);
    not(UsItin, &["900-49-0000", "900-93-0000", "900700001"]);
    found(UsEin, "EIN ", &["12-3456789", "98-7654321"]);
    not(UsEin, &["12-3456789", "EIN 00-3456789", "seine 12-3456789"]);
    found(UsRouting, "routing number ", &["021000021", "011401533", "121000248"]);
    not(UsRouting, &["routing number 021000022", "021000021", "routing number 521000021"]);
    found(UsMbi, "", &["1EG4-TE5-MK73", "1EG4-TE5-MK72"]);
    found(UsMbi, "Medicare: ", &["1EG4TE5MK73"]);
    not(UsMbi, &["1SG4-TE5-MK73", "0EG4-TE5-MK73", "1EG4TE5MK73", "x-1EG4-TE5-MK73"]);
    found(UsSsn, "ssn=", &["123456789"]);
}

#[test]
fn numbers_of_asia_africa_and_oceania_are_found_by_their_check_digits() {
    found(InAadhaar, "", &["2341 2341 2346", "4991 1866 5246"]);
    found(InAadhaar, "Aadhaar ", &["499118665246"]);
    not(InAadhaar, &["2341 2341 2347", "499118665246", "1341 2341 2346"]);
    found(InPan, "PAN: ", &["ABCPE1234F", "AFZPK7190K"]);
    not(InPan, &["ABCPE1234F", "PAN: ABCXE1234F", "span: ABCPE1234F"]);
    found(CnResidentId, "", &["11010519491231002X", "440524188001010014"]);
    not(CnResidentId, &["11010519491231002Y", "110105194912310021", "99010519491231002X", "440524188013010014"]);
    found(KrRrn, "", &["900101-1234568"]);
    found(KrRrn, "주민등록번호 ", &["900101-1234567", "9001011234567"]);
    not(KrRrn, &["900101-1234567", "901301-1234568", "900101-9234568"]);
    found(JpMyNumber, "マイナンバー: ", &["123456789018", "1234 5678 9018"]);
    not(JpMyNumber, &["マイナンバー: 123456789019", "123456789018", "1234 5678 9018"]);
    found(SgNric, "", &["S1234567D", "T1234567J", "F1234567N", "G1234567X"]);
    not(SgNric, &["S1234567A", "A1234567D", "S12345678D"]);
    found(TrTckn, "TC kimlik no: ", &["10000000146", "12345678950"]);
    not(TrTckn, &["TC kimlik no: 10000000147", "10000000146", "TC kimlik no: 01000000146"]);
    found(ZaId, "ID number ", &["8001015009087", "800101 5009 08 7"]);
    not(ZaId, &["ID number 8001015009088", "8001015009087", "ID number 8013015009087"]);
    found(IlTeudatZehut, "תעודת זהות ", &["000000018", "123456782"]);
    not(IlTeudatZehut, &["תעודת זהות 123456783", "123456782", "id 123456782"]);
    found(AuTfn, "TFN: ", &["123 456 782", "876543210", "459599230"]);
    not(AuTfn, &["TFN: 123 456 783", "123 456 782", "876543210"]);
    found(AuMedicare, "Medicare ", &["2123 45670 1", "2123456701"]);
    not(AuMedicare, &["Medicare 2123 45680 1", "2123456701", "Medicare 1123 45670 1"]);
    found(NzIrd, "IRD number ", &["49-091-850", "35901981", "136-410-132"]);
    not(NzIrd, &["IRD number 49-091-851", "49091850", "IRD number 9125568"]);
    found(RuInn, "ИНН ", &["7707083893", "500100732259"]);
    not(RuInn, &["ИНН 7707083894", "7707083893", "inner 500100732259"]);
    found(RuSnils, "", &["112-233-445 95"]);
    found(RuSnils, "СНИЛС ", &["11223344595"]);
    not(RuSnils, &["112-233-445 96", "11223344595", "1112-233-445 95"]);
}

#[test]
fn papers_wallets_and_dates_are_found_behind_their_words() {
    found(Passport, "passport number ", &["123456789", "C01X00T47", "X1234567", "AB1234567"]);
    not(Passport, &["123456789", "X1234567", "passport.js 4.0.1", "the passport office has 12 rooms"]);
    found(DriversLicence, "driver's license: ", &["D1234567", "A123456789012", "12345678"]);
    not(DriversLicence, &["D1234567", "A123456789012", "license: MIT 2024"]);
    found(DateOfBirth, "DOB: ", &["05/17/1980", "1980-05-17", "17.05.1980", "May 17, 1980", "17 May 1980", "17/5/80"]);
    not(DateOfBirth, &["2024-05-17", "DOB: 2024-45-17", "May 17, 1980", "dobro 05/17/1980"]);
    found(Bitcoin, "", &["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"]);
    found(Bitcoin, "", &["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]);
    found(Bitcoin, "", &["bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"]);
    not(
        Bitcoin,
        &[
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLz",
        ],
    );
    found(Ethereum, "ethereum wallet ", &["0x52908400098527886E0F7030069857D2E4169EE7"]);
    not(Ethereum, &["0x52908400098527886E0F7030069857D2E4169EE7", "wallet 0x0000000000000000000000000000000000000000"]);
    found(
        PostalAddress,
        "",
        &["742 Evergreen Terrace, Springfield, IL 62704", "1600 Pennsylvania Ave NW, Washington, DC 20500"],
    );
    found(PostalAddress, "", &["Hauptstraße 5, 10115 Berlin", "Goethestr. 12a, 80336 München"]);
    not(
        PostalAddress,
        &[
            "IL 62704",
            "Springfield, IL 62704",
            "route 66 to Springfield, IL 62704",
            "in 10115 Berlin",
            "5, 10115 Berlin",
        ],
    );
    found(Bic, "BIC: ", &["DEUTDEFF", "DEUTDEFF500", "NEDSZAJJXXX"]);
    not(Bic, &["DEUTDEFF", "BIC: DEUTDEF", "cubic: DEUTDEFFF"]);
    let mac = seen("00:1a:2b:3c:4d:5e");
    assert!(matches!(mac.as_slice(), [(MacAddress, value, score)] if value.len() == 17 && *score < 0.5), "{mac:?}");
}

#[test]
fn each_kind_has_one_number_and_names_of_its_own() {
    let rules: std::collections::BTreeSet<_> = KINDS.iter().map(|kind| kind.rule()).collect();
    let labels: std::collections::BTreeSet<_> = KINDS.iter().map(|kind| kind.label()).collect();
    assert!(rules.len() == KINDS.len() && labels.len() == KINDS.len() && KINDS.len() <= 64);
    assert!(KINDS.iter().enumerate().all(|(index, kind)| *kind as usize == index));
}
