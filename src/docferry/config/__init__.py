"""YAML to frozen values, with every message an operator will see."""

from docferry.config.keys import KeySource, Secret
from docferry.config.load import find_config, load, rules_files, state_folder
from docferry.config.models import (
    AlertsConfig,
    Config,
    ControlConfig,
    EngineConfig,
    InboxConfig,
    LimitsConfig,
    LlmConfig,
    LogConfig,
    MetricsConfig,
    ProviderConfig,
    SidecarConfig,
)
from docferry.config.rules import Defaults, RuleConfig, RuleTest, StepConfig, WhenConfig
from docferry.config.units import Rate

__all__ = [
    "AlertsConfig",
    "Config",
    "ControlConfig",
    "Defaults",
    "EngineConfig",
    "InboxConfig",
    "KeySource",
    "LimitsConfig",
    "LlmConfig",
    "LogConfig",
    "MetricsConfig",
    "ProviderConfig",
    "Rate",
    "RuleConfig",
    "RuleTest",
    "Secret",
    "SidecarConfig",
    "StepConfig",
    "WhenConfig",
    "find_config",
    "load",
    "rules_files",
    "state_folder",
]
