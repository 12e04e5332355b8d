"""Installs rhyme."""

from setuptools import setup

setup(
    name="rhyme",
    version="1.0",
    packages=["rhyme"],
    entry_points={"console_scripts": ["rhyme = rhyme:main"]},
)
