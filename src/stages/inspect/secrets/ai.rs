//! Keys of model providers and of the tools around them.

use super::shapes::Alphabet::{Alnum, Base64, Hex, LowerHex, Word};
use super::structured;
use super::table::Shape::{Own, Parts, Prefix, Told, ToldUuid};
use super::table::{ANY, Row, UUID, known, observed, part};

pub(super) const ROWS: &[Row] = &[
    // Anthropic: api03, admin01, oat01, sid01 differ in the word behind `sk-ant-`.
    known("sk-ant-", "secret.anthropic.api-key", "ANTHROPIC_API_KEY", 0.99, Prefix(Word, 20, ANY)),
    known("sk-or-", "secret.openrouter.api-key", "OPENROUTER_API_KEY", 0.99, Prefix(Word, 20, ANY)),
    known("sk-lf-", "secret.langfuse.secret-key", "LANGFUSE_SECRET_KEY", 0.98, Parts(UUID)),
    known(
        "sk-",
        "secret.openai.api-key",
        "OPENAI_API_KEY",
        0.99,
        Own(
            structured::openai,
            "`proj-`, `svcacct-`, `admin-` or none, then 20 or more of 0-9A-Za-z that look random; DeepSeek and others copy the form",
        ),
    ),
    observed("sess-", "secret.openai.session", "OPENAI_SESSION_KEY", 0.9, Prefix(Alnum, 40, 40)),
    known("gsk_", "secret.groq.api-key", "GROQ_API_KEY", 0.97, Prefix(Alnum, 40, 64)),
    known("xai-", "secret.xai.api-key", "XAI_API_KEY", 0.98, Prefix(Alnum, 60, 120)),
    known("r8_", "secret.replicate.token", "REPLICATE_TOKEN", 0.97, Prefix(Alnum, 37, 40)),
    known("hf_", "secret.huggingface.token", "HUGGINGFACE_TOKEN", 0.97, Prefix(Alnum, 30, 40)),
    observed("api_org_", "secret.huggingface.token", "HUGGINGFACE_TOKEN", 0.97, Prefix(Alnum, 30, 40)),
    known("pplx-", "secret.perplexity.api-key", "PERPLEXITY_API_KEY", 0.97, Prefix(Alnum, 40, 64)),
    known("nvapi-", "secret.nvidia.api-key", "NVIDIA_API_KEY", 0.97, Prefix(Word, 50, 80)),
    known("lsv2_", "secret.langsmith.api-key", "LANGSMITH_API_KEY", 0.97, Prefix(Word, 32, 80)),
    known("pcsk_", "secret.pinecone.api-key", "PINECONE_API_KEY", 0.97, Prefix(Word, 50, 90)),
    observed("pinecone", "secret.pinecone.api-key", "PINECONE_API_KEY", 0.75, ToldUuid),
    observed("fw_", "secret.fireworks.api-key", "FIREWORKS_API_KEY", 0.9, Prefix(Alnum, 22, 24)),
    observed("tgp_v1_", "secret.together.api-key", "TOGETHER_API_KEY", 0.97, Prefix(Word, 40, 50)),
    observed("together_api", "secret.together.api-key", "TOGETHER_API_KEY", 0.8, Told(LowerHex, 64, 64)),
    observed("togetherai", "secret.together.api-key", "TOGETHER_API_KEY", 0.8, Told(LowerHex, 64, 64)),
    observed("together.ai", "secret.together.api-key", "TOGETHER_API_KEY", 0.75, Told(LowerHex, 64, 64)),
    observed("csk-", "secret.cerebras.api-key", "CEREBRAS_API_KEY", 0.95, Prefix(Alnum, 40, 60)),
    observed("jina_", "secret.jina.api-key", "JINA_API_KEY", 0.97, Prefix(Word, 50, 80)),
    observed("tvly-", "secret.tavily.api-key", "TAVILY_API_KEY", 0.93, Prefix(Word, 32, 60)),
    observed("e2b_", "secret.e2b.api-key", "E2B_API_KEY", 0.95, Prefix(LowerHex, 40, 40)),
    observed("sk_", "secret.elevenlabs.api-key", "ELEVENLABS_API_KEY", 0.93, Prefix(LowerHex, 48, 48)),
    observed("mistral", "secret.mistral.api-key", "MISTRAL_API_KEY", 0.7, Told(Alnum, 32, 32)),
    observed(
        "cohere",
        "secret.cohere.api-key",
        "COHERE_API_KEY",
        0.65,
        Own(structured::mixed_40, "40 of 0-9A-Za-z of both cases shortly behind the name"),
    ),
    observed("deepgram", "secret.deepgram.api-key", "DEEPGRAM_API_KEY", 0.7, Told(LowerHex, 40, 40)),
    observed("assemblyai", "secret.assemblyai.api-key", "ASSEMBLYAI_API_KEY", 0.7, Told(LowerHex, 32, 32)),
    known("wandb", "secret.wandb.api-key", "WANDB_API_KEY", 0.8, Told(LowerHex, 40, 40)),
    // `local-`: keys of self-hosted servers of Weights & Biases.
    observed("local-", "secret.wandb.api-key", "WANDB_API_KEY", 0.7, Prefix(Hex, 40, 40)),
    // Amazon Bedrock: base64 of `BedrockAPIKey-…`, and of a signed address.
    known("ABSKQmVkcm9ja0FQSUtleS", "secret.aws.bedrock-api-key", "AWS_BEDROCK_API_KEY", 0.99, Prefix(Base64, 60, 200)),
    known("bedrock-api-key-", "secret.aws.bedrock-api-key", "AWS_BEDROCK_API_KEY", 0.97, Prefix(Base64, 60, 4_000)),
    known("pnu_", "secret.prefect.api-key", "PREFECT_API_KEY", 0.95, Prefix(Alnum, 36, 36)),
    known("sgp_", "secret.sourcegraph.token", "SOURCEGRAPH_TOKEN", 0.96, Parts(&[part(Word, 40, 80, "")])),
];
