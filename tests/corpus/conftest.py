import pytest
import torch


@pytest.fixture
def texts():
    """Thirty texts of 2 to 19 tokens of the toy, as ids."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 20, (30,), generator=generator).tolist()
    return [torch.randint(0, 78, (n,), generator=generator) for n in lengths]
