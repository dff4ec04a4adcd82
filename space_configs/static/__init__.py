"""The static edition: plain pages around what `apps.static_files` computes, for any server that hands out files."""

from space_configs.static.assembling import OverBudget as OverBudget
from space_configs.static.assembling import build as build
from space_configs.static.sizes import table as table
