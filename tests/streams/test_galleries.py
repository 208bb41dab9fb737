from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue_files import load_catalogue
from schemas.settings import Settings
from streams.galleries import GalleryReader, words_of
from tests.streams.searches import CATALOGUE, catalogue

WORDS = """
gallery_words:
  - {kind: booking_photos, within: [mug shots, booking, driver's mugshot]}
  - {kind: scraped_web, within: [scraped, web images], whole: [web]}
  - {kind: social_media, within: [social media]}
"""
OWN = CATALOGUE.replace("[booking_photos]", "[booking_photos, watchlist]").partition("gallery_words")
GALLERIES = GalleryReader(catalogue(OWN[0] + OWN[2].partition("\n")[2] + WORDS))
SHIPPED = GalleryReader(load_catalogue(Settings().catalogue))


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["county mug shots"], ["booking_photos"]),
        (["MUG-SHOTS_2019"], ["booking_photos"]),
        (["Driver’s mugshot"], ["booking_photos"]),
        (["ｓｃｒａｐｅｄ faces"], ["scraped_web"]),
        (["web"], ["scraped_web"]),
        (["Web."], ["scraped_web"]),
        (["vendor web"], ["unknown"]),
        (["mug", "shots"], ["unknown"]),
        (["shots mug"], ["unknown"]),
        (["overbooking"], ["unknown"]),
        (["booking photos and web images"], ["booking_photos", "scraped_web"]),
        (["booking photos, no web images"], ["booking_photos"]),
        (["Booking", "scraped", "social media"], ["booking_photos", "scraped_web", "social_media"]),
        (["LACRIS"], ["booking_photos", "watchlist"]),
        (["lacris booking"], ["booking_photos"]),
        (["Clearview"], ["unknown"]),
        (["FaceSearch"], ["unknown"]),
        (["something else", "web"], ["scraped_web", "unknown"]),
        ([""], ["unknown"]),
        ([], []),
    ],
)
def test_the_kinds_of_galleries_are_told_by_whole_words_or_the_services_name(
    names: list[str], kinds: list[str]
) -> None:
    assert list(GALLERIES.kinds(names)) == kinds


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LACRIS", "booking_photos"),
        ("lacris-booking", "booking_photos"),
        ("County mugshots", "booking_photos"),
        ("DMV photos", "driver_licences"),
        ("Driver's licenses", "driver_licences"),
        ("US passport photos", "passport_visa"),
        ("Watch list", "watchlist"),
        ("scraped web images", "scraped_web"),
        ("Open Web", "scraped_web"),
        ("web", "scraped_web"),
        ("Facebook profiles", "social_media"),
        ("LACRIS web portal", "unknown"),
        ("Visa card fraud unit", "unknown"),
        ("X", "social_media"),
        ("X division", "unknown"),
    ],
)
def test_the_shipped_words_tell_what_clients_write(name: str, kind: str) -> None:
    assert SHIPPED.kinds([name]) == (kind,)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=5))
def test_all_galleries_together_have_the_kinds_of_each(names: list[str]) -> None:
    apart = {kind for name in names for kind in SHIPPED.kinds([name])}
    assert SHIPPED.kinds(names) == tuple(sorted(apart))


@settings(derandomize=True, deadline=None)
@given(
    st.sampled_from(["scraped web images", "mug shots", "DMV photos", "Facebook"]),
    st.sampled_from(["", " ", "-", "_", "…"]),
    st.sampled_from([str.upper, str.lower, str.title, str]),
)
def test_case_and_punctuation_change_no_kind(name: str, mark: str, case: object) -> None:
    assert callable(case)
    written = mark + case(name) + mark
    assert words_of(written) == words_of(name)
    assert SHIPPED.kinds([written]) == SHIPPED.kinds([name])
