"""Fixtures: the harness once, and clients that know nothing but a base URL and a key."""

import os

import anthropic
import openai
import pytest

from harness import CLIENT_KEY, Harness


@pytest.fixture(scope="session")
def harness():
    running = Harness(os.environ["PORTCULLIS_BINARY"])
    yield running
    running.stop()


@pytest.fixture
def client(harness):
    return openai.OpenAI(base_url=f"{harness.gateway.url}/v1", api_key=CLIENT_KEY, timeout=15)


@pytest.fixture
def claude(harness):
    return anthropic.Anthropic(base_url=harness.gateway.url, api_key=CLIENT_KEY, timeout=15)


@pytest.fixture
def demo(harness):
    return openai.OpenAI(base_url=f"{harness.demo.url}/v1", api_key="none-needed", timeout=15)
