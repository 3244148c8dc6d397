//! Check digits, as the issuers publish them. Each function takes digits (0 to 9) of a number whose length is known, and says
//! whether they fit; a number of any other length does not.

/// The sum of digits times weights.
fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

fn at(digits: &[u8], index: usize) -> u32 {
    digits.get(index).copied().map_or(u32::MAX, u32::from)
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value: u64, digit| value.wrapping_mul(10).wrapping_add(u64::from(*digit)))
}

fn pair(digits: &[u8], index: usize) -> u32 {
    match digits.get(index..index.saturating_add(2)) {
        Some([tens, ones]) => u32::from(*tens) * 10 + u32::from(*ones),
        _ => u32::MAX,
    }
}

/// Whether month and day exist.
pub(super) fn is_day(month: u32, day: u32) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Zeros and the like are no number of anybody.
fn varies(digits: &[u8]) -> bool {
    digits.iter().fold(0u16, |kinds, digit| kinds | 1 << (digit & 15)).count_ones() >= 2
}

pub(super) fn any(digits: &[u8]) -> bool {
    varies(digits)
}

pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let doubled = u32::from(*digit) << (index % 2);
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10) && varies(digits)
}

pub(super) fn us_itin(digits: &[u8]) -> bool {
    at(digits, 0) == 9 && matches!(pair(digits, 3), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

pub(super) fn us_ein(digits: &[u8]) -> bool {
    !matches!(pair(digits, 0), 0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97) && varies(digits)
}

pub(super) fn us_routing(digits: &[u8]) -> bool {
    matches!(pair(digits, 0), 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
        && varies(digits)
}

pub(super) fn uk_nhs(digits: &[u8]) -> bool {
    let rest = 11 - weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    at(digits, 9) == rest % 11 && rest != 10 && varies(digits)
}

/// ISO 7064 mod 11,10; among the first ten digits one occurs two or three times, the others at most once.
pub(super) fn de_tax_id(digits: &[u8]) -> bool {
    let Some((check, first)) = digits.split_last() else { return false };
    let mut counts = [0u8; 10];
    for digit in first {
        if let Some(count) = counts.get_mut(usize::from(*digit)) {
            *count = count.saturating_add(1);
        }
    }
    let repeated = counts.iter().filter(|count| **count > 1).count();
    let product = first.iter().fold(10, |product: u32, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    let fits = (11 - product) % 10 == u32::from(*check);
    fits && at(digits, 0) != 0 && repeated == 1 && counts.iter().all(|count| *count <= 3)
}

/// 15 digits; sex, month, and 97 minus the rest of the first thirteen.
pub(super) fn fr_nir(digits: &[u8]) -> bool {
    let month = pair(digits, 3);
    let Some((body, key)) = digits.split_at_checked(13) else { return false };
    matches!(at(digits, 0), 1..=4 | 7 | 8)
        && matches!(month, 1..=12 | 20..=42 | 50..=99)
        && number(key) == 97 - number(body) % 97
}

/// The letter of a Spanish number.
pub(super) fn es_letter(digits: &[u8]) -> Option<u8> {
    b"TRWAGMYFPDXBNJZSQVHLCKE".get(usize::try_from(number(digits) % 23).ok()?).copied()
}

pub(super) fn pt_nif(digits: &[u8]) -> bool {
    let rest = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11 - rest };
    at(digits, 8) == check && matches!(at(digits, 0), 1..=3 | 5 | 6 | 8 | 9) && varies(digits)
}

pub(super) fn nl_bsn(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum % 11 == at(digits, 8) % 11 && at(digits, 8) < 10 && varies(digits)
}

pub(super) fn be_national(digits: &[u8]) -> bool {
    let (month, day) = (pair(digits, 2) % 20, pair(digits, 4));
    let Some((body, key)) = digits.split_at_checked(9) else { return false };
    let born = number(body);
    let fits = [born, born.saturating_add(2_000_000_000)].iter().any(|body| number(key) == 97 - body % 97);
    fits && (is_day(month, day) || (month == 0 && day <= 31)) && varies(digits)
}

pub(super) fn pl_pesel(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    at(digits, 10) == (10 - sum % 10) % 10 && is_day(pair(digits, 2) % 20, pair(digits, 4))
}

/// Ten digits, or twelve with the century.
pub(super) fn se_personnummer(digits: &[u8]) -> bool {
    let ten = digits.get(digits.len().saturating_sub(10)..).unwrap_or(b"");
    let day = pair(ten, 4);
    let century = digits.len() == 10 || matches!(pair(digits, 0), 18..=20);
    luhn(ten) && century && is_day(pair(ten, 2), if day > 60 { day.saturating_sub(60) } else { day })
}

/// As above, and the last four digits are no time of day: logs write `240115-1030`.
pub(super) fn se_personnummer_no_time(digits: &[u8]) -> bool {
    let tail = digits.len().saturating_sub(4);
    se_personnummer(digits) && !(pair(digits, tail) < 24 && pair(digits, tail.saturating_add(2)) < 60)
}

pub(super) fn no_fodselsnummer(digits: &[u8]) -> bool {
    let (day, month) = (pair(digits, 0), pair(digits, 2));
    let first = weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]);
    let second = weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    let real = is_day(month % 40, if day > 40 { day.saturating_sub(40) } else { day });
    first.is_multiple_of(11) && second.is_multiple_of(11) && real
}

pub(super) fn dk_cpr(digits: &[u8]) -> bool {
    is_day(pair(digits, 2), pair(digits, 0)) && varies(digits)
}

pub(super) fn ch_ahv(digits: &[u8]) -> bool {
    digits.starts_with(&[7, 5, 6]) && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

pub(super) fn at_svnr(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    at(digits, 3) == sum % 11 && at(digits, 0) != 0 && is_day(pair(digits, 6), pair(digits, 4))
}

/// A check digit of Brazil: 11 minus the rest, 0 for 10 and 11.
fn brazilian(digits: &[u8], weights: &[u32]) -> bool {
    let rest = weighted(digits, weights) % 11;
    at(digits, weights.len()) == if rest < 2 { 0 } else { 11 - rest }
}

pub(super) fn br_cpf(digits: &[u8]) -> bool {
    brazilian(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2])
        && brazilian(digits, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
        && varies(digits)
}

pub(super) fn br_cnpj(digits: &[u8]) -> bool {
    brazilian(digits, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
        && brazilian(digits, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
        && varies(digits)
}

pub(super) fn ar_cuit(digits: &[u8]) -> bool {
    let rest = weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest == 0 { 0 } else { 11 - rest };
    matches!(pair(digits, 0), 20 | 23..=27 | 30 | 33 | 34) && at(digits, 10) == check && varies(digits)
}

/// The check character of Chile's RUT.
pub(super) fn cl_check(digits: &[u8]) -> u8 {
    let sum: u32 =
        digits.iter().rev().zip([2, 3, 4, 5, 6, 7].into_iter().cycle()).map(|(d, w)| u32::from(*d) * w).sum();
    match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        value => b"0123456789".get(value as usize).copied().unwrap_or(b'0'),
    }
}

pub(super) fn cl_rut(digits: &[u8]) -> bool {
    digits.split_last().is_some_and(|(check, body)| cl_check(body) == check.wrapping_add(b'0') && varies(body))
}

/// Verhoeff's check (dihedral group of order ten).
pub(super) fn in_aadhaar(digits: &[u8]) -> bool {
    const PERMUTATION: [[u8; 10]; 8] = {
        let first = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
        let mut rows = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; 8];
        let mut row = 1;
        while row < 8 {
            let mut column = 0;
            while column < 10 {
                rows[row][column] = first[rows[row - 1][column] as usize];
                column += 1;
            }
            row += 1;
        }
        rows
    };
    let sum = digits.iter().rev().enumerate().fold(0, |sum, (index, digit)| {
        let turned = PERMUTATION.get(index % 8).and_then(|row| row.get(usize::from(*digit))).copied().unwrap_or(0);
        turn(sum, turned)
    });
    sum == 0 && at(digits, 0) >= 2 && varies(digits)
}

/// The product in the dihedral group: rotations 0 to 4, reflections 5 to 9.
fn turn(left: u8, right: u8) -> u8 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => (left + right - 5) % 5 + 5,
        (false, true) => (left - right) % 5 + 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

/// The check character of China's resident number over its first 17 digits, if province and date exist.
pub(super) fn cn_check(digits: &[u8]) -> Option<u8> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let province = matches!(pair(digits, 0), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83);
    let year = pair(digits, 6);
    let real = matches!(year, 18..=20) && is_day(pair(digits, 10), pair(digits, 12));
    let rest = usize::try_from(weighted(digits.get(..17)?, &WEIGHTS) % 11).ok()?;
    (province && real).then(|| b"10X98765432".get(rest).copied()).flatten()
}

pub(super) fn cn_resident_id(digits: &[u8]) -> bool {
    cn_check(digits) == digits.get(17).map(|check| check.wrapping_add(b'0'))
}

fn kr_date(digits: &[u8]) -> bool {
    is_day(pair(digits, 2), pair(digits, 4)) && matches!(at(digits, 6), 1..=8)
}

pub(super) fn kr_rrn(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    kr_date(digits) && at(digits, 12) == (11 - sum % 11) % 10
}

/// Since October 2020 the last digits are drawn at random.
pub(super) fn kr_rrn_drawn(digits: &[u8]) -> bool {
    kr_date(digits) && varies(digits)
}

pub(super) fn jp_my_number(digits: &[u8]) -> bool {
    let rest = weighted(digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    at(digits, 11) == (if rest < 2 { 0 } else { 11 - rest }) && varies(digits)
}

pub(super) fn tr_tckn(digits: &[u8]) -> bool {
    let odd: u32 = [0, 2, 4, 6, 8].iter().map(|index| at(digits, *index) % 10).sum();
    let even: u32 = [1, 3, 5, 7].iter().map(|index| at(digits, *index) % 10).sum();
    let all: u32 = digits.iter().take(10).map(|digit| u32::from(*digit)).sum();
    at(digits, 0) != 0 && at(digits, 9) == (odd * 7 + 100 - even) % 10 && at(digits, 10) == all % 10 && varies(digits)
}

pub(super) fn za_id(digits: &[u8]) -> bool {
    luhn(digits) && is_day(pair(digits, 2), pair(digits, 4)) && at(digits, 10) <= 2
}

/// Nine digits; the older eight have other weights.
pub(super) fn au_tfn(digits: &[u8]) -> bool {
    let sum = match digits.len() {
        9 => weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]),
        8 => weighted(digits, &[10, 7, 8, 4, 6, 3, 5, 1]),
        _ => return false,
    };
    sum.is_multiple_of(11) && varies(digits)
}

pub(super) fn au_medicare(digits: &[u8]) -> bool {
    matches!(at(digits, 0), 2..=6)
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == at(digits, 8)
        && varies(digits)
}

pub(super) fn ca_sin(digits: &[u8]) -> bool {
    luhn(digits) && !matches!(at(digits, 0), 0 | 8)
}

pub(super) fn nz_ird(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else { return false };
    let wanted = |weights: [u32; 8]| {
        let weights = weights.get(8_usize.saturating_sub(body.len())..).unwrap_or(&[]);
        match weighted(body, weights) % 11 {
            0 => 0,
            rest => 11 - rest,
        }
    };
    let first = wanted([3, 2, 7, 6, 5, 4, 3, 2]);
    let fits = if first == 10 { wanted([7, 4, 3, 2, 5, 2, 7, 6]) } else { first };
    fits == u32::from(*check) && (10_000_000..200_000_000).contains(&number(digits))
}

pub(super) fn ru_inn(digits: &[u8]) -> bool {
    let fits = |weights: &[u32]| weighted(digits, weights) % 11 % 10 == at(digits, weights.len());
    let checked = match digits.len() {
        10 => fits(&[2, 4, 10, 3, 5, 9, 4, 6, 8]),
        12 => fits(&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) && fits(&[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]),
        _ => false,
    };
    checked && varies(digits)
}

pub(super) fn ru_snils(digits: &[u8]) -> bool {
    let rest = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101;
    pair(digits, 9) == rest % 100 && varies(digits)
}
