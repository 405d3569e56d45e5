"""Mutants that read files of a model that are corrupt, incomplete or unsafe."""

import contextlib
import functools
from pathlib import Path
from types import SimpleNamespace

from ._mutant import mutant, returning

HUB = "test_bad_hub.py"
CACHE = "test_bad_cache.py"
MODELS = "test_hostile_models.py"


@contextlib.contextmanager
def attribute(owner, name, value):
    """Give an attribute another value for a while."""
    missing = object()
    old = vars(owner).get(name, missing)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if old is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, old)


@mutant("lmviz.models._hub:_download_file", f"{HUB} -k 'sends and other and weights'")
def a_file_of_the_hub_is_kept_without_its_checksum(original):
    from lmviz.models import _checksums

    def download(repo, commit, path, checksum):
        with attribute(_checksums, "digest", returning(checksum)):
            original(repo, commit, path, checksum)

    return download


@mutant("lmviz.models._hub:_cached", f"{CACHE} -k pinned")
def any_cached_file_is_a_file_of_gpt2(original):
    return lambda repo, revision, pinned: original(repo, revision, {})


@mutant("lmviz.models._hub:_ATTEMPTS", f"{HUB} -k 'hangs and each'")
def the_hub_is_asked_five_times(original):
    return 5


@mutant("lmviz.models._hub:_attempt", f"{HUB} -k '503 and day'")
def a_hub_that_asks_to_wait_is_asked_again(original):
    def attempt(ask, repo):
        def ask_without_reading_the_header():
            try:
                return ask()
            except Exception as error:
                if answer := getattr(error, "response", None):
                    answer.headers.pop("Retry-After", None)
                raise

        return original(ask_without_reading_the_header, repo)

    return attempt


@mutant("lmviz.models._local:missing", f"{HUB} -k 'lists and some'")
def an_incomplete_list_of_files_is_enough(original):
    return returning(None)


@mutant(
    "lmviz.models._checksums:corrupt_file_in",
    f"{CACHE} -k 'converted_again and flipped and config'",
)
def a_converted_model_is_used_unchecked(original):
    return returning(None)


@mutant("lmviz.models._wheels:tempfile", f"{CACHE} -k killed_at_any_moment")
def a_model_is_converted_in_place(original):
    def mkdtemp(dir, prefix):
        folder = Path(dir, prefix.removesuffix(".partial-"))
        folder.mkdir(exist_ok=True)
        return str(folder)

    return SimpleNamespace(mkdtemp=mkdtemp)


@mutant("filelock:FileLock", f"{CACHE} -k two_processes_convert_once")
def two_processes_convert_at_once(original):
    return lambda *_, **__: contextlib.nullcontext()


@mutant("lmviz.models._wheels:shutil", f"{CACHE} -k full_disk_is_reported")
def half_a_model_stays_on_a_full_disk(original):
    return SimpleNamespace(rmtree=returning(None))


@mutant("lmviz.models._checksums:corrupt_file", f"{CACHE} -k old_size_and_time")
def a_file_with_its_old_size_and_time_is_unchanged(original):
    class Timeless(type(Path())):
        """A path that does not tell when its file was last changed."""

        def stat(self, **options):
            real = super().stat(**options)
            return SimpleNamespace(
                st_ino=real.st_ino,
                st_size=real.st_size,
                st_mtime_ns=real.st_mtime_ns,
                st_ctime_ns=0,
            )

    return lambda checksums: original({Timeless(p): c for p, c in checksums.items()})


@mutant("lmviz.models._read:read_module", f"{MODELS} -k without_a_tensor")
def weights_that_are_missing_are_random(original):
    def read_module(source):
        from transformers import AutoModelForCausalLM

        read = AutoModelForCausalLM.from_pretrained

        def complete(*arguments, **options):
            module, found = read(*arguments, **options)
            return module, {**found, "missing_keys": []}

        with attribute(AutoModelForCausalLM, "from_pretrained", complete):
            return original(source)

    return read_module


@mutant("lmviz.models._read:_check_size", f"{MODELS} -k without_a_tensor")
def memory_is_allocated_for_weights_that_are_missing(original):
    return returning(None)


@mutant("lmviz.models._read:_layers_left_out", f"{MODELS} -k 'contradicts and layer'")
def layers_that_a_config_leaves_out_are_not_missed(original):
    return returning(None)


@mutant("lmviz.models._local:_PICKLED", f"{MODELS} -k pickle")
def pickles_are_not_recognized(original):
    return ()


@mutant(
    "lmviz.models._read_tokenizer:read_tokenizer",
    f"{MODELS} -k tokenizer_with_code_of_its_own",
)
def the_user_is_asked_to_trust_code(original):
    def read_tokenizer(source):
        from transformers import AutoTokenizer

        read = AutoTokenizer.from_pretrained

        def asking(*arguments, trust_remote_code=None, **options):
            return read(*arguments, **options)

        with attribute(AutoTokenizer, "from_pretrained", asking):
            return original(source)

    return read_tokenizer


@mutant("lmviz.models._local:_read_json", f"{MODELS} -k kernel")
def kernels_that_a_config_names_are_downloaded(original):
    def read_json(path):
        content = original(path)
        return {k: v for k, v in content.items() if "attn_implementation" not in k}

    return read_json


@mutant("lmviz.models._local:check_links", f"{MODELS} -k link_out_of_the_folder")
def links_out_of_the_folder_are_followed(original):
    return returning(None)


@mutant("lmviz.models._local:_is_shard", f"{MODELS} -k index_with_files_elsewhere")
def shards_outside_of_the_folder_are_read(original):
    return lambda name: isinstance(name, str) and name.endswith(".safetensors")


@mutant(
    "lmviz.models._local:_check_layers",
    f"{MODELS} -k 'contradicts and layer'",
    hangs=True,
)
def a_billion_layers_are_built(original):
    return returning(None)


@mutant(
    "lmviz.models._language_model:LanguageModel.tokenizer",
    f"{MODELS} -k more_tokens_than_embeddings",
)
def a_tokenizer_may_be_larger_than_its_model(original):
    from lmviz.models._read_tokenizer import read_tokenizer

    return functools.cached_property(lambda self: read_tokenizer(self.source))
