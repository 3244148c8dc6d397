//! The last step before bytes leave: a cleared request towards an upstream, a judged answer towards a client.

use super::outbound::{Deliverable, Destination, Outbound};
use super::splice::splice;
use crate::model::{Action, ByteCount, Cause, Mode, Refusal, Stage};
use crate::stages::decode::{AnswerFacts, Decoded, DecodedForm, Edit, RequestFacts, encode};
use crate::stages::policy::{Cleared, Judged, Redaction, Verdict};
use bytes::Bytes;

/// What the record needs of a request whose bytes are on their way. Its offsets are those of the body as received.
#[derive(Debug)]
pub struct RequestLeft {
    /// The decision with its reasons.
    pub verdict: Verdict,
    /// What was known of the request.
    pub facts: RequestFacts,
}

/// A cleared request whose edits do not fit: a defect of the gateway, and nothing is forwarded.
#[derive(Debug)]
pub struct Unsendable {
    /// What the client is told.
    pub refusal: Refusal,
    /// What the record needs.
    pub left: RequestLeft,
}

/// What the record needs of an answer, or an event of one, that was delivered.
#[derive(Debug)]
pub struct AnswerLeft {
    /// The decision with its reasons.
    pub verdict: Verdict,
    /// What was known of the answer.
    pub facts: AnswerFacts,
}

/// An answer, or an event of one, that the client must not see.
#[derive(Debug)]
pub struct Withheld {
    /// `AnswerBlocked`, or `Internal` where its edits do not fit.
    pub cause: Cause,
    /// The decision with its reasons.
    pub verdict: Verdict,
    /// The answer, for its record.
    pub decoded: Decoded,
}

/// Makes the redactions and the gateway's own edits in a cleared request. Without any, its bytes are moved, not copied.
///
/// # Errors
///
/// [`Unsendable`] with cause `internal` if the edits overlap or do not fit.
pub fn request(cleared: Cleared) -> Result<(Outbound, RequestLeft), Box<Unsendable>> {
    let (exchange, redactions, verdict) = cleared.into_parts();
    let (admitted, body, facts) = exchange.into_parts();
    let received = ByteCount(u64::try_from(body.len()).unwrap_or(u64::MAX));
    let edits = redactions.len().saturating_add(facts.protocol_edits.len());
    let spliced = match edits {
        0 => Ok(body),
        _ => splice(&body, &redactions, &facts.protocol_edits),
    };
    let left = RequestLeft { verdict, facts };
    match spliced {
        Ok(body) => {
            let endpoint = admitted.endpoint();
            let (head, path, permit) = admitted.into_parts();
            let destination = Destination { endpoint, path };
            let body = Bytes::from(body.into_bytes());
            Ok((Outbound::new(head, destination, body, permit, received, count(edits)), left))
        }
        Err(error) => {
            let refusal = Refusal::new(Stage::Redact, Cause::Internal).detail(error.to_string());
            Err(Box::new(Unsendable { refusal, left }))
        }
    }
}

/// Makes the redactions in a judged answer or event; an event is written anew, so that its text cannot forge another one.
/// An event that only the gateway asked for becomes no bytes.
///
/// # Errors
///
/// [`Withheld`] if the policy blocks and is enforced, or if the redactions do not fit.
pub fn answer(judged: Judged) -> Result<(Deliverable, AnswerLeft), Box<Withheld>> {
    answer_with(judged, None)
}

/// As [`answer`], with an edit of the gateway's own that holds no content: a reason to stop.
///
/// # Errors
///
/// As [`answer`].
pub fn answer_with(judged: Judged, own: Option<Edit>) -> Result<(Deliverable, AnswerLeft), Box<Withheld>> {
    let (decoded, redactions, verdict) = judged.into_parts();
    if verdict.mode == Mode::Enforce && verdict.action == Action::Block {
        return Err(Box::new(Withheld { cause: Cause::AnswerBlocked, verdict, decoded }));
    }
    let (redactions, echoes) = without_echoes(redactions, &decoded.facts().echoes);
    let echoes: Vec<Edit> = echoes.iter().cloned().chain(own).collect();
    let edits = redactions.len().saturating_add(echoes.len());
    let spliced = match edits {
        0 => Ok(None),
        _ => splice(decoded.body(), &redactions, &echoes).map(Some),
    };
    let Ok(spliced) = spliced else {
        return Err(Box::new(Withheld { cause: Cause::Internal, verdict, decoded }));
    };
    let (form, body, facts) = decoded.into_parts();
    let body = spliced.unwrap_or(body);
    let bytes = match form {
        _ if facts.swallow => Bytes::new(),
        DecodedForm::Whole => Bytes::from(body.into_bytes()),
        DecodedForm::Event { .. } | DecodedForm::Marker(_) => encode::event(&form, &body),
    };
    Ok((Deliverable::new(bytes, count(edits)), AnswerLeft { verdict, facts }))
}

/// Where anything is cut, what repeats the text in pieces goes too: no cut reaches a secret that stands there token by token.
fn without_echoes(mut redactions: Vec<Redaction>, echoes: &[Edit]) -> (Vec<Redaction>, &[Edit]) {
    if redactions.is_empty() {
        return (redactions, &[]);
    }
    redactions.retain(|cut| {
        let after = echoes.partition_point(|echo| echo.span.end <= cut.span.start);
        echoes.get(after).is_none_or(|echo| cut.span.end <= echo.span.start)
    });
    (redactions, echoes)
}

fn count(edits: usize) -> u32 {
    u32::try_from(edits).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "sending_tests.rs"]
mod tests;
