//! What is looked for: rule, label, and in a sentence what is checked (the operators' table in `policies/README.md` is made of
//! these, and a test keeps it so).

macro_rules! kinds {
    ($($name:ident, $rule:literal, $label:literal, $what:literal;)*) => {
        /// What was recognised.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Kind { $($name),* }

        /// All of them, in the order of their numbers.
        pub(super) const KINDS: &[Kind] = &[$(Kind::$name),*];

        impl Kind {
            /// The detector's rule.
            pub(super) fn rule(self) -> &'static str {
                match self { $(Self::$name => $rule),* }
            }

            /// What a redaction puts in its place.
            pub(super) fn label(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }

            /// What is checked, for operators.
            #[cfg(test)]
            pub(super) fn what(self) -> &'static str {
                match self { $(Self::$name => $what),* }
            }
        }
    };
}

kinds! {
    Email, "pii.email", "EMAIL", "local part, `@`, a domain whose last label is of letters; no names of files, no `git@`";
    Phone, "pii.phone", "PHONE", "E.164 with `+`; national forms with their separators (3-3-4, French pairs, leading zero); any 7 to 15 digits behind a word such as *phone*";
    CreditCard, "pii.credit-card", "CREDIT_CARD", "13 to 19 digits, issuer's range and length, groups as on cards, Luhn";
    Iban, "pii.iban", "IBAN", "country, its length, modulo 97";
    Bic, "pii.bic", "BIC", "8 or 11 letters and digits with a country, only behind *BIC* or *SWIFT*";
    IpAddress, "pii.ip-address", "IP_ADDRESS", "IPv4 and IPv6; weak (0.2 to 0.5) for private, local and documentation networks; no versions";
    MacAddress, "pii.mac-address", "MAC_ADDRESS", "six pairs of hexadecimal digits with `:`; weak (0.4)";
    DateOfBirth, "pii.date-of-birth", "DATE_OF_BIRTH", "a date in figures or with an English month behind *date of birth*, *DOB*, *geboren am*, *né le*, *fecha de nacimiento*, …";
    PostalAddress, "pii.postal-address", "POSTAL_ADDRESS", "US: house number, street and kind of street, state and ZIP code; German: street, number, postcode and town";
    Passport, "pii.passport", "PASSPORT", "6 to 9 letters and digits, at least 5 digits, only behind *passport*, *Reisepass*, *passeport*, *pasaporte*, …";
    DriversLicence, "pii.drivers-license", "DRIVERS_LICENSE", "5 to 18 letters and digits, at least 4 digits, only behind *driver's license*, *Führerschein*, *permis de conduire*, …";
    Bitcoin, "pii.crypto.bitcoin", "BITCOIN_ADDRESS", "base58check (double SHA-256) or bech32 and bech32m (their polynomials)";
    Ethereum, "pii.crypto.ethereum", "ETHEREUM_ADDRESS", "`0x` and 40 hexadecimal digits; weak (0.45) unless *ethereum*, *wallet*, … stands before";
    UsSsn, "pii.us-ssn", "US_SSN", "area, group and serial that are issued; dashes, or a word such as *SSN*";
    UsItin, "pii.us-itin", "US_ITIN", "900 to 999, group 50–65, 70–88, 90–92 or 94–99; dashes, or *ITIN*";
    UsEin, "pii.us-ein", "US_EIN", "2-7 digits behind *EIN*, *employer identification*, …";
    UsRouting, "pii.us-routing", "US_ROUTING_NUMBER", "9 digits, Federal Reserve range, weights 3-7-1, only behind *routing*, *ABA*, …";
    UsMbi, "pii.us-mbi", "US_MBI", "the form of 11 characters of Medicare (letters without S L O I B Z); dashes, or *MBI*, *Medicare*";
    UkNino, "pii.uk-nino", "UK_NINO", "two letters that are allocated, 6 digits, A to D";
    UkNhs, "pii.uk-nhs-number", "UK_NHS_NUMBER", "10 digits, modulo 11, only behind *NHS*";
    DeTaxId, "pii.de-tax-id", "DE_TAX_ID", "11 digits, one digit two or three times among ten, ISO 7064 mod 11,10, behind *Steuer-ID*, *IdNr*, …";
    DeIdCard, "pii.de-id-card", "DE_ID_CARD", "9 letters and digits and a check digit (7-3-1), behind *Personalausweis*, …";
    FrNir, "pii.fr-nir", "FR_NIR", "sex, month, 13 digits and key modulo 97; Corsica (2A, 2B)";
    EsDni, "pii.es-dni", "ES_DNI", "8 digits and the letter of modulo 23";
    EsNie, "pii.es-nie", "ES_NIE", "X, Y or Z, 7 digits and the letter of modulo 23";
    ItFiscalCode, "pii.it-fiscal-code", "IT_FISCAL_CODE", "16 characters in their form, check character";
    PtNif, "pii.pt-nif", "PT_NIF", "9 digits, modulo 11, behind *NIF*, *contribuinte*";
    NlBsn, "pii.nl-bsn", "NL_BSN", "9 digits, test of eleven, behind *BSN*, *burgerservicenummer*, *sofinummer*";
    BeNational, "pii.be-national-number", "BE_NATIONAL_NUMBER", "date, 97 minus the rest modulo 97 (born from 2000 on: with a 2 before); written with dots, or behind *rijksregister*, …";
    PlPesel, "pii.pl-pesel", "PL_PESEL", "11 digits, date, weights 1-3-7-9, behind *PESEL*";
    SePersonnummer, "pii.se-personnummer", "SE_PERSONNUMMER", "date, Luhn; weak where the last four could be a time, unless *personnummer* stands before";
    NoFodselsnummer, "pii.no-fodselsnummer", "NO_FODSELSNUMMER", "11 digits, date, both check digits modulo 11; 6 and 5, or behind *fødselsnummer*, …";
    DkCpr, "pii.dk-cpr", "DK_CPR", "6-4 digits with a date, behind *CPR*, *personnummer*";
    FiHetu, "pii.fi-hetu", "FI_HETU", "date, sign of the century, check character modulo 31";
    ChAhv, "pii.ch-ahv", "CH_AHV", "13 digits from 756 on, EAN check digit";
    AtSvnr, "pii.at-svnr", "AT_SVNR", "10 digits, modulo 11, date, behind *SVNR*, *Sozialversicherung*, …";
    BrCpf, "pii.br-cpf", "BR_CPF", "11 digits, both check digits; 3.3.3-2, or behind *CPF*";
    BrCnpj, "pii.br-cnpj", "BR_CNPJ", "14 digits, both check digits; 2.3.3/4-2, or behind *CNPJ*";
    ArCuit, "pii.ar-cuit", "AR_CUIT", "11 digits, kind, modulo 11; 2-8-1, or behind *CUIT*, *CUIL*";
    ClRut, "pii.cl-rut", "CL_RUT", "7 or 8 digits and modulo 11 (0–9, K) with dots, or behind *RUT*, *RUN*";
    MxCurp, "pii.mx-curp", "MX_CURP", "18 characters in their form, check digit";
    MxRfc, "pii.mx-rfc", "MX_RFC", "13 characters in their form, check character modulo 11; or behind *RFC*";
    InAadhaar, "pii.in-aadhaar", "IN_AADHAAR", "12 digits from 2 on, Verhoeff; 4 4 4, or behind *Aadhaar*, *UIDAI*";
    InPan, "pii.in-pan", "IN_PAN", "5 letters (the fourth a kind of holder), 4 digits, a letter, behind *PAN*, *permanent account*, …";
    CnResidentId, "pii.cn-resident-id", "CN_RESIDENT_ID", "18 characters, province, date, ISO 7064 mod 11-2";
    KrRrn, "pii.kr-rrn", "KR_RRN", "6-7 digits, date, modulo 11 (numbers from October 2020 on have no check digit: those behind *주민등록번호* or *RRN* only)";
    JpMyNumber, "pii.jp-my-number", "JP_MY_NUMBER", "12 digits, modulo 11, behind *マイナンバー*, *個人番号*, *My Number*";
    SgNric, "pii.sg-nric", "SG_NRIC", "S, T, F or G, 7 digits, check letter";
    TrTckn, "pii.tr-tckn", "TR_TCKN", "11 digits, both check digits, behind *TC kimlik*, *TCKN*, …";
    ZaId, "pii.za-id", "ZA_ID", "13 digits, date, citizenship, Luhn, behind *ID number*, *South African ID*, …";
    IlTeudatZehut, "pii.il-teudat-zehut", "IL_TEUDAT_ZEHUT", "9 digits, Luhn, behind *teudat zehut*, *תעודת זהות*, …";
    AuTfn, "pii.au-tfn", "AU_TFN", "8 or 9 digits, modulo 11, behind *TFN*, *tax file number*";
    AuMedicare, "pii.au-medicare", "AU_MEDICARE", "10 or 11 digits from 2 to 6, weights 1-3-7-9, behind *Medicare*";
    CaSin, "pii.ca-sin", "CA_SIN", "9 digits, Luhn, behind *SIN*, *social insurance*, *NAS*";
    NzIrd, "pii.nz-ird", "NZ_IRD", "8 or 9 digits, modulo 11 (two sets of weights), behind *IRD*";
    RuInn, "pii.ru-inn", "RU_INN", "10 or 12 digits, modulo 11, behind *ИНН*, *INN*";
    RuSnils, "pii.ru-snils", "RU_SNILS", "11 digits, modulo 101; 3-3-3 2, or behind *СНИЛС*, *SNILS*";
}
