"""The sub-commands of ``lockgate``, one module for each thing people do with it."""
